"""From an admitted request to its answer: gather, decode together, hand over, wait.

Servers hand in requests by `submit` and hear of each once; `export` waits for that. One thread
decodes, since decoding holds the interpreter anyway, and it never waits for the brain unless the
frames in flight are at their bound.
"""

import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from knowledge.schemas import SIGNALS, Signal
from receiver.admission import Gate
from receiver.counters import Counters, ack_counts
from receiver.decode import Decoded, decode
from receiver.gather import Gathering
from receiver.handover import Handover
from receiver.identify import Sender, Transport
from receiver.pending import Outcome, Pending, not_in_time, refusal_of
from receiver.recent import RecentRequests
from receiver.refusal import NO_MEMORY, Refusal
from receiver.settings import ReceiverSettings
from receiver.top_services import by_service

ITEMS: Final[dict[Signal, str]] = {
    "traces": "spans",
    "metrics": "data_points",
    "logs": "log_records",
}


FULL_S: Final = 0.5
"""How long nothing is decoded for a brain that has no room: it makes some with each step."""

_WIRE: Final[dict[Transport, str]] = {"grpc": "wire_bytes_grpc", "http": "wire_bytes_http"}
ITEM_COUNTS: Final = {
    (signal, transport): (f"accepted_{items}_{transport}", f"refused_{items}_{transport}")
    for signal, items in ITEMS.items()
    for transport in _WIRE
}


class Pipeline:
    """Takes requests of all signals and answers each when its rows are kept, or refused."""

    def __init__(
        self,
        settings: ReceiverSettings,
        handover: Handover,
        recent: RecentRequests,
        counters: Counters,
    ) -> None:
        self._settings = settings
        self._recent = recent
        self._handover = handover
        self._counters = counters
        self.gate: Final = Gate(
            bytes_max=settings.inflight_bytes_max,
            requests_max=settings.inflight_requests_max,
            monotonic_s=time.monotonic,
        )
        self.incoming: Final = Gate(
            bytes_max=settings.inflight_bytes_max,
            requests_max=settings.http_connections_max,
            monotonic_s=time.monotonic,
        )
        self._full_until_s = 0.0
        self._gathering: Gathering[Pending] = Gathering(
            wait_s=settings.batch_ms / 1e3, enough_bytes=settings.batch_bytes
        )
        self._decoder = threading.Thread(target=self._run, name="decoder", daemon=True)

    def start(self) -> None:
        """Begin to decode."""
        self._decoder.start()

    def stop(self) -> None:
        """Decode what is queued, then no more."""
        self._gathering.close()
        self._decoder.join()

    def foretell(self, client: str) -> Refusal | None:
        """Return why a request of any size would be refused now: its body need not be read."""
        if time.monotonic() < self._full_until_s:
            return Refusal(reason="brain_full", message="the buffers are full")
        return self.gate.foretell(client)

    def export(
        self, signal: Signal, body: bytes, sender: Sender, *, wire_bytes: int = 0
    ) -> Outcome:
        """Return what became of one export request; waits at most the hand-over's timeout."""
        done = threading.Event()
        outcomes: list[Outcome] = []

        def settled(outcome: Outcome) -> None:
            outcomes.append(outcome)
            done.set()

        pending = self.submit(signal, body, sender, settled, wire_bytes=wire_bytes)
        if not outcomes and not done.wait(self._settings.handover_timeout_s):
            return self.give_up(pending)
        return outcomes[0]

    def submit(
        self,
        signal: Signal,
        body: bytes,
        sender: Sender,
        settled: Callable[[Outcome], None],
        *,
        wire_bytes: int = 0,
    ) -> Pending | None:
        """Take one export request of `sender`; `settled` is called once, by any thread.

        `wire_bytes`: its size as it came, if that is another one. Returns it while it waits, None
        if it was settled at once.

        It is called with the rejected items by reason, or with a refusal. Who has waited for
        `handover_timeout_s` need not wait any longer: the outcome is unknown then.
        """
        wire = _WIRE[sender.transport]
        self._counters.add_all(
            {"requests": 1, "request_bytes": len(body), wire: wire_bytes or len(body)}
        )
        refusal = self._handover.refusal() if body else None
        if refusal is None and body:
            refusal = self.gate.enter(len(body), sender.client)
        if refusal is not None:
            settled(self._refused(refusal))
            return None
        if not body:
            settled({})
            return None
        pending = Pending(
            signal,
            body,
            sender,
            time.monotonic() + self._settings.handover_timeout_s,
            lambda pending, outcome: self._left(pending, outcome, settled),
        )
        self._gathering.put(pending)
        return pending

    def give_up(self, pending: Pending | None) -> Refusal:
        """Refuse a request that has waited for `handover_timeout_s`, whatever becomes of it."""
        refusal = not_in_time()
        return self._refused(refusal) if pending is None or pending.count_once() else refusal

    def _left(self, pending: Pending, outcome: Outcome, settled: Callable[[Outcome], None]) -> None:
        self.gate.leave(len(pending.body), pending.sender.client)
        if isinstance(outcome, Refusal) and pending.count_once():
            self._refused(outcome)
        settled(outcome)

    def count(self, name: str, count: int = 1) -> None:
        """Count what a server noticed."""
        self._counters.add(name, count)

    def count_unread(self, refusal: Refusal) -> Refusal:
        """Count a request that a server refuses, which `submit` never saw; return its refusal."""
        self._counters.add("requests")
        return self._refused(refusal)

    def _refused(self, refusal: Refusal) -> Refusal:
        self._counters.add(f"refused_{refusal.reason}")
        return refusal

    def _run(self) -> None:
        while batch := self._gathering.take():
            for signal in SIGNALS:
                of_signal = [pending for pending in batch if pending.signal == signal]
                if of_signal:
                    self._decode(signal, of_signal)

    def _decode(self, signal: Signal, batch: Sequence[Pending]) -> None:
        """Decode what is still waited for and hand it over; this thread survives any failure."""
        now_s = time.monotonic()
        began_s = batch[0].expires_monotonic_s - self._settings.handover_timeout_s
        self.gate.waited(now_s - began_s)
        live = [pending for pending in batch if pending.expires_monotonic_s > now_s]
        for pending in batch:
            if pending.expires_monotonic_s <= now_s:
                pending.settle(not_in_time())
        try:
            self._decode_and_submit(signal, live)
        except MemoryError:
            for pending in live:
                pending.settle(NO_MEMORY)
        except Exception:  # noqa: BLE001 - this thread serves all senders, it must not end
            traceback.print_exc(file=sys.stderr)
            for pending in live:
                pending.settle(Refusal(reason="broken", message="the receiver failed"))

    def _decode_and_submit(self, signal: Signal, live: Sequence[Pending]) -> None:
        bodies = [pending.body for pending in live]
        decoded = decode(
            signal,
            bodies,
            items_max=self._settings.items_per_request_max,
            principals=[pending.sender.principal for pending in live],
            engine=self._settings.decoder,
        )
        if decoded.by_reference:
            self._counters.add("reference_requests", decoded.by_reference)
        kept: list[tuple[Pending, Mapping[str, int]]] = []
        for pending, outcome, count in zip(live, decoded.outcomes, decoded.items, strict=True):
            pending.items = count
            if isinstance(outcome, Refusal):
                pending.settle(outcome)
            else:
                kept.append((pending, outcome))
        self._counters.add_all({f"repaired_{what}": n for what, n in decoded.repaired.items()})
        rows = len(decoded.rows)
        if not rows:
            self._answered(signal, decoded, kept, None)
            return
        self._handover.submit(
            signal,
            decoded.rows,
            expires_monotonic_s=max(pending.expires_monotonic_s for pending, _ in kept),
            answered=lambda answer: self._answered(signal, decoded, kept, refusal_of(answer)),
        )

    def _answered(
        self,
        signal: Signal,
        decoded: Decoded,
        kept: Sequence[tuple[Pending, Mapping[str, int]]],
        refusal: Refusal | None,
    ) -> None:
        """Tell the senders of a frame what became of it, and count it."""
        if refusal is not None and refusal.reason == "brain_full":
            self._full_until_s = time.monotonic() + FULL_S
        if refusal is None:
            self._recent.add(signal, [pending.body for pending, _ in kept])
            rows = decoded.rows
            accepted = by_service(rows.column("namespace"), rows.column("service"))
            self._counters.add_services(accepted, decoded.rejected_of)
        self._counters.add_all(self._counted(signal, len(decoded.rows), kept, refusal))
        for pending, rejected in kept:
            pending.settle(rejected if refusal is None else refusal)

    def _counted(
        self,
        signal: Signal,
        rows: int,
        kept: Sequence[tuple[Pending, Mapping[str, int]]],
        refusal: Refusal | None,
    ) -> Mapping[str, int]:
        """Return what the requests of a frame add to the counts."""
        counts: Counter[str] = Counter()
        for pending, rejected in kept:
            lost = pending.items if refusal is not None else sum(rejected.values())
            accepted, refused = ITEM_COUNTS[signal, pending.sender.transport]
            counts[accepted] += pending.items - lost
            counts[refused] += lost
            if refusal is None:
                for reason, count in rejected.items():
                    counts[f"rejected_{reason.replace(' ', '_')}"] += count
        if refusal is None:
            counts[ITEMS[signal]] = rows
            # who expires that much later has only begun
            until_s = time.monotonic() + self._settings.handover_timeout_s
            counts.update(
                ack_counts(round(1e6 * (until_s - p.expires_monotonic_s)) for p, _ in kept)
            )
        return counts
