"""From an admitted request to its answer: gather, decode together, hand over, wait.

Servers hand in requests by `submit` and hear of each once; `export` waits for that. One thread
decodes, since decoding holds the interpreter anyway, and it never waits for the brain unless the
frames in flight are at their bound.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from knowledge.frames import FrameAnswer
from knowledge.schemas import SIGNALS, Signal
from receiver.admission import Gate
from receiver.counters import Counters
from receiver.decode import decode
from receiver.gather import Gathering
from receiver.handover import Handover
from receiver.identify import Sender
from receiver.recent import RecentRequests
from receiver.refusal import Refusal
from receiver.settings import ReceiverSettings

Outcome = Mapping[str, int] | Refusal
"""Rejected items by reason (none: all was kept), or why the request is refused."""

ITEMS: Final[dict[Signal, str]] = {
    "traces": "spans",
    "metrics": "data_points",
    "logs": "log_records",
}


class _Pending:
    """One request that waits for its outcome."""

    __slots__ = ("_settled", "body", "expires_monotonic_s", "sender", "signal")

    def __init__(
        self,
        signal: Signal,
        body: bytes,
        sender: Sender,
        expires_monotonic_s: float,
        settled: Callable[["_Pending", Outcome], None],
    ) -> None:
        self.signal = signal
        self.body = body
        self.sender = sender
        self.expires_monotonic_s = expires_monotonic_s
        self._settled: Callable[[_Pending, Outcome], None] | None = settled

    def settle(self, outcome: Outcome) -> None:
        """Tell its sender; only the first time counts."""
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(self, outcome)


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
        self._gathering: Gathering[_Pending] = Gathering(
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

    def export(self, signal: Signal, body: bytes, sender: Sender) -> Outcome:
        """Return what became of one export request; waits at most the hand-over's timeout."""
        done = threading.Event()
        outcomes: list[Outcome] = []

        def settled(outcome: Outcome) -> None:
            outcomes.append(outcome)
            done.set()

        self.submit(signal, body, sender, settled)
        if not outcomes and not done.wait(self._settings.handover_timeout_s):
            return self.count_refusal(not_in_time())
        return outcomes[0]

    def submit(
        self, signal: Signal, body: bytes, sender: Sender, settled: Callable[[Outcome], None]
    ) -> None:
        """Take one export request of `sender`; `settled` is called once, by any thread.

        It is called with the rejected items by reason, or with a refusal. Who has waited for
        `handover_timeout_s` need not wait any longer: the outcome is unknown then.
        """
        self._counters.add_all({"requests": 1, "request_bytes": len(body)})
        refusal = self.gate.enter(len(body), sender.client) if body else None
        if refusal is None and body and not self._handover.connected:
            self.gate.leave(len(body), sender.client)
            refusal = Refusal(reason="brain_absent", message="the analysis is not reachable")
        if refusal is not None:
            settled(self.count_refusal(refusal))
        elif not body:
            settled({})
        else:
            self._gathering.put(
                _Pending(
                    signal,
                    body,
                    sender,
                    time.monotonic() + self._settings.handover_timeout_s,
                    lambda pending, outcome: self._left(pending, outcome, settled),
                )
            )

    def _left(
        self, pending: _Pending, outcome: Outcome, settled: Callable[[Outcome], None]
    ) -> None:
        self.gate.leave(len(pending.body), pending.sender.client)
        if isinstance(outcome, Refusal):
            self.count_refusal(outcome)
        settled(outcome)

    def count(self, name: str, count: int = 1) -> None:
        """Count what a server noticed."""
        self._counters.add(name, count)

    def count_refusal(self, refusal: Refusal) -> Refusal:
        """Count a request that is refused, wherever that was decided; return its refusal."""
        self._counters.add(f"refused_{refusal.reason}")
        return refusal

    def _run(self) -> None:
        while batch := self._gathering.take():
            for signal in SIGNALS:
                of_signal = [pending for pending in batch if pending.signal == signal]
                if of_signal:
                    self._decode(signal, of_signal)

    def _decode(self, signal: Signal, batch: Sequence[_Pending]) -> None:
        """Decode what is still waited for and hand it over; this thread survives any failure."""
        now_s = time.monotonic()
        live = [pending for pending in batch if pending.expires_monotonic_s > now_s]
        for pending in batch:
            if pending.expires_monotonic_s <= now_s:
                pending.settle(not_in_time())
        try:
            self._decode_and_submit(signal, live)
        except Exception:  # noqa: BLE001 - this thread serves all senders, it must not end
            traceback.print_exc(file=sys.stderr)
            for pending in live:
                pending.settle(Refusal(reason="broken", message="the receiver failed"))

    def _decode_and_submit(self, signal: Signal, live: Sequence[_Pending]) -> None:
        bodies = [pending.body for pending in live]
        decoded = decode(signal, bodies, items_max=self._settings.items_per_request_max)
        kept: list[tuple[_Pending, Mapping[str, int]]] = []
        for pending, outcome in zip(live, decoded.outcomes, strict=True):
            if isinstance(outcome, Refusal):
                pending.settle(outcome)
            else:
                kept.append((pending, outcome))
        self._counters.add_all({f"repaired_{what}": n for what, n in decoded.repaired.items()})
        rows = len(decoded.rows)
        if not rows:
            self._settle(signal, rows, kept, None)
            return
        self._handover.submit(
            signal,
            decoded.rows,
            expires_monotonic_s=max(pending.expires_monotonic_s for pending, _ in kept),
            answered=lambda answer: self._settle(signal, rows, kept, _refusal_of(answer)),
        )

    def _settle(
        self,
        signal: Signal,
        rows: int,
        kept: Sequence[tuple[_Pending, Mapping[str, int]]],
        refusal: Refusal | None,
    ) -> None:
        """Tell the senders of a frame what became of it."""
        if refusal is None:
            counts = {ITEMS[signal]: rows}
            for _, rejected in kept:
                for reason, count in rejected.items():
                    name = f"rejected_{reason.replace(' ', '_')}"
                    counts[name] = counts.get(name, 0) + count
            self._counters.add_all(counts)
            self._recent.add(signal, [pending.body for pending, _ in kept])
        for pending, rejected in kept:
            pending.settle(rejected if refusal is None else refusal)


def not_in_time() -> Refusal:
    """Return the refusal of a request whose outcome is not known in time."""
    return Refusal(reason="handover_timeout", message="the analysis did not answer in time")


def _refusal_of(answer: FrameAnswer | None) -> Refusal | None:
    """Return why a frame was not kept, in the terms of its senders; None: it was."""
    if answer is None:
        return not_in_time()
    match answer.outcome:
        case "kept":
            return None
        case "full":
            return Refusal(reason="brain_full", message=answer.reason or "the buffers are full")
        case _:
            return Refusal(reason="broken", message=answer.reason or "the frame was not understood")
