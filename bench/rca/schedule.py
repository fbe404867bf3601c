"""When to send what: each request of a recording with the time that all of it has happened."""

from dataclasses import dataclass
from typing import Any, Self

import pyarrow.compute as pc

from bench.rca.recording import NS, Recording
from knowledge.schemas import EVENT_TIME, SIGNALS, Signal
from receiver.decode import decode

ITEMS_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Due:
    """One export request that may be sent from `at_unix_ns` on."""

    at_unix_ns: int
    signal: Signal
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """A pod as the resources of a recording name it."""

    namespace: str
    service: str
    pod: str
    pod_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a scrape said of a pod: share of a limit, `what` is cpu or memory."""

    at_unix_ns: int
    pod: PodSeen
    what: str
    ratio: float


_USAGE = {
    "k8s.pod.cpu_limit_utilization": "cpu",
    "k8s.pod.memory_limit_utilization": "memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A whole recording in the order of time, and the facts that its cluster would report."""

    dues: tuple[Due, ...]
    pods: frozenset[PodSeen]
    usages: tuple[Usage, ...]
    rows: dict[Signal, int]

    @classmethod
    def of(cls, recording: Recording) -> Self:
        """Read all requests of a recording; a request without usable rows is left out."""
        dues: list[Due] = []
        pods: set[PodSeen] = set()
        usages: list[Usage] = []
        rows: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        for signal in SIGNALS:
            for body in recording.requests(signal):
                batch = decode(signal, [body], items_max=ITEMS_MAX).rows
                if not len(batch):
                    continue
                rows[signal] += len(batch)
                newest = pc.max(batch[EVENT_TIME[signal]]).as_py()
                dues.append(Due(at_unix_ns=newest + 1, signal=signal, body=body))
                pods |= _pods(batch)
                if signal == "metrics":
                    usages += _usages(batch)
        usages.sort(key=lambda u: u.at_unix_ns)
        return cls(
            dues=tuple(sorted(dues, key=lambda due: due.at_unix_ns)),
            pods=frozenset(pods),
            usages=tuple(usages),
            rows=rows,
        )

    @property
    def end_unix_ns(self) -> int:
        """When all is sent."""
        return self.dues[-1].at_unix_ns if self.dues else 0


def _pods(batch: Any) -> set[PodSeen]:
    names = ("namespace", "service", "pod", "pod_uid")
    table = batch.select(list(names)).to_pydict()
    seen = set(zip(*(table[name] for name in names), strict=True))
    return {PodSeen(namespace=n, service=s, pod=p, pod_uid=u) for n, s, p, u in seen if p}


def _usages(batch: Any) -> list[Usage]:
    columns = ["time_unix_ns", "namespace", "service", "pod", "pod_uid", "name", "value"]
    rows = batch.select(columns).to_pylist()
    return [
        Usage(
            at_unix_ns=row["time_unix_ns"],
            pod=PodSeen(**{name: row[name] for name in ("namespace", "service", "pod", "pod_uid")}),
            what=_USAGE[row["name"]],
            ratio=row["value"],
        )
        for row in rows
        if row["name"] in _USAGE and row["value"] is not None
    ]


def seconds(unix_s: float) -> int:
    """Seconds as nanoseconds."""
    return int(unix_s * NS)
