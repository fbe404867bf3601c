"""The way of telemetry from the services to the brain, and what goes wrong on it."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from bench.campaigns.scenario import Trouble
from twin.telemetry import LogRecord, Parcel, Sample, SpanRecord

NS_PER_S = 10**9
_SHARES = 1 << 16


class Wire:
    """Carries parcels; what is held back arrives later."""

    def __init__(self, troubles: tuple[Trouble, ...], rng: Random, start_unix_ns: int) -> None:
        self._troubles = troubles
        self._rng = rng
        self._start_unix_ns = start_unix_ns
        self._held: list[tuple[int, Parcel]] = []

    def carry(self, parcels: Iterable[Parcel], *, now_unix_ns: int) -> list[Parcel]:
        """Take what was sent just now, return what arrives now."""
        now_s = (now_unix_ns - self._start_unix_ns) / NS_PER_S
        acting = [t for t in self._troubles if t.begin_s <= now_s < t.end_s]
        for parcel in parcels:
            for passed, due_unix_ns in self._through(parcel, acting, now_unix_ns):
                self._held.append((due_unix_ns, passed))
        arriving = [parcel for due, parcel in self._held if due <= now_unix_ns]
        self._held = [(due, parcel) for due, parcel in self._held if due > now_unix_ns]
        return arriving

    def _through(
        self, parcel: Parcel, acting: list[Trouble], now_unix_ns: int
    ) -> list[tuple[Parcel, int]]:
        """Return what becomes of one parcel, and when it arrives."""
        due, copies = now_unix_ns, 1
        for trouble in acting:
            if trouble.services and parcel.source.service not in trouble.services:
                continue
            match trouble.kind:
                case "silent":
                    return []
                case "delayed":
                    due += int(self._rng.uniform(0.5, 1.0) * trouble.amount * NS_PER_S)
                case "sampled":
                    parcel = _sampled(parcel, trouble.amount)
                case "skewed":
                    parcel = _skewed(parcel, int(trouble.amount * NS_PER_S))
                case "restarted":
                    # a Collector that comes back sends what its queue held, some of it twice
                    due = max(due, self._start_unix_ns + int(trouble.end_s * NS_PER_S))
                    copies = 1 + (self._rng.random() < trouble.amount)
                case "doubled":
                    copies = 2
        return [(parcel, due)] * copies


def _sampled(parcel: Parcel, share: float) -> Parcel:
    """Head sampling: whole traces by their id, all services alike."""
    kept = int(share * _SHARES)
    return replace(
        parcel,
        spans=tuple(s for s in parcel.spans if int.from_bytes(s.trace_id[-2:], "big") < kept),
    )


def _skewed(parcel: Parcel, by_ns: int) -> Parcel:
    return replace(
        parcel,
        spans=tuple(_span_at(s, by_ns) for s in parcel.spans),
        logs=tuple(_log_at(record, by_ns) for record in parcel.logs),
        samples=tuple(_sample_at(sample, by_ns) for sample in parcel.samples),
    )


def _span_at(span: SpanRecord, by_ns: int) -> SpanRecord:
    return span._replace(
        start_unix_ns=span.start_unix_ns + by_ns, end_unix_ns=span.end_unix_ns + by_ns
    )


def _log_at(record: LogRecord, by_ns: int) -> LogRecord:
    return record._replace(time_unix_ns=record.time_unix_ns + by_ns)


def _sample_at(sample: Sample, by_ns: int) -> Sample:
    return sample._replace(
        start_unix_ns=sample.start_unix_ns + by_ns, time_unix_ns=sample.time_unix_ns + by_ns
    )
