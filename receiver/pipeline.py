"""From an admitted request to its answer: gather, decode together, hand over, wait.

The handlers' threads wait in `export`; one thread decodes, since decoding holds the interpreter
anyway, and it never waits for the brain unless the frames in flight are at their bound.
"""

import queue
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Final

from knowledge.frames import FrameAnswer
from knowledge.schemas import SIGNALS, Signal
from receiver.admission import Gate
from receiver.counters import Counters
from receiver.decode import decode
from receiver.handover import Handover
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

    __slots__ = ("_done", "body", "expires_monotonic_s", "outcome", "signal")

    def __init__(self, signal: Signal, body: bytes, expires_monotonic_s: float) -> None:
        self.signal = signal
        self.body = body
        self.expires_monotonic_s = expires_monotonic_s
        self.outcome: Outcome | None = None
        self._done = threading.Event()

    def settle(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._done.set()

    def wait(self) -> Outcome | None:
        self._done.wait(max(0.0, self.expires_monotonic_s - time.monotonic()))
        return self.outcome


class Pipeline:
    """Takes requests of all signals and answers each when its rows are kept, or refused."""

    def __init__(self, settings: ReceiverSettings, handover: Handover, counters: Counters) -> None:
        self._settings = settings
        self._handover = handover
        self._counters = counters
        self._gate = Gate(bytes_max=settings.inflight_bytes_max, requests_max=settings.workers)
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._decoder = threading.Thread(target=self._run, name="decoder", daemon=True)

    def start(self) -> None:
        """Begin to decode."""
        self._decoder.start()

    def stop(self) -> None:
        """Stop decoding; what is still queued gets no answer but its timeout."""
        self._queue.put(None)
        self._decoder.join()

    def export(self, signal: Signal, body: bytes) -> Outcome:
        """Return what became of one export request; waits at most the hand-over's timeout."""
        self._counters.add_all({"requests": 1, "request_bytes": len(body)})
        outcome: Outcome | None = self._gate.enter(len(body)) if body else {}
        if outcome is None:
            try:
                outcome = self._process(signal, body)
            finally:
                self._gate.leave(len(body))
        if isinstance(outcome, Refusal):
            self._counters.add(f"refused_{outcome.reason}")
        return outcome

    def _process(self, signal: Signal, body: bytes) -> Outcome:
        if not self._handover.connected:
            return Refusal(reason="brain_absent", message="the analysis is not reachable")
        expires_monotonic_s = time.monotonic() + self._settings.handover_timeout_s
        pending = _Pending(signal, body, expires_monotonic_s)
        self._queue.put(pending)
        outcome = pending.wait()
        return _not_in_time() if outcome is None else outcome

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            for signal in SIGNALS:
                of_signal = [pending for pending in batch if pending.signal == signal]
                if of_signal:
                    self._decode(signal, of_signal)
            if last:
                return

    def _gather(self, first: _Pending) -> tuple[list[_Pending], bool]:
        """Return `first` and what comes soon after it, and whether it is time to stop."""
        batch = [first]
        size_bytes = len(first.body)
        until_s = time.monotonic() + self._settings.batch_ms / 1e3
        while size_bytes < self._settings.batch_bytes:
            try:
                pending = self._queue.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                break
            if pending is None:
                return batch, True
            batch.append(pending)
            size_bytes += len(pending.body)
        return batch, False

    def _decode(self, signal: Signal, batch: Sequence[_Pending]) -> None:
        """Decode what is still waited for and hand it over; this thread survives any failure."""
        now_s = time.monotonic()
        live = [pending for pending in batch if pending.expires_monotonic_s > now_s]
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
        for pending, rejected in kept:
            pending.settle(rejected if refusal is None else refusal)


def _not_in_time() -> Refusal:
    return Refusal(reason="handover_timeout", message="the analysis did not answer in time")


def _refusal_of(answer: FrameAnswer | None) -> Refusal | None:
    """Return why a frame was not kept, in the terms of its senders; None: it was."""
    if answer is None:
        return _not_in_time()
    match answer.outcome:
        case "kept":
            return None
        case "full":
            return Refusal(reason="brain_full", message=answer.reason or "the buffers are full")
        case _:
            return Refusal(reason="broken", message=answer.reason or "the frame was not understood")
