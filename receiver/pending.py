"""One request between its server and its outcome, and what the outcomes are."""

from collections.abc import Callable, Mapping

from knowledge.frames import FrameAnswer
from knowledge.schemas import Signal
from receiver.identify import Sender
from receiver.refusal import Refusal

Outcome = Mapping[str, int] | Refusal
"""Rejected items by reason (none: all was kept), or why the request is refused."""


class Pending:
    """One request that waits for its outcome."""

    __slots__ = (
        *("_settled", "_uncounted", "body"),
        *("expires_monotonic_s", "items", "sender", "signal"),
    )

    def __init__(
        self,
        signal: Signal,
        body: bytes,
        sender: Sender,
        expires_monotonic_s: float,
        settled: Callable[["Pending", Outcome], None],
    ) -> None:
        self.signal = signal
        self.body = body
        self.sender = sender
        self.expires_monotonic_s = expires_monotonic_s
        self.items = 0
        self._uncounted = [True]
        self._settled: Callable[[Pending, Outcome], None] | None = settled

    @property
    def client(self) -> str:
        """Return with whom it shares its turn."""
        return self.sender.client

    def count_once(self) -> bool:
        """Return whether its refusal is still to be counted; true only once, whoever asks.

        Its server gives it up at the time at which the pipeline may do so too.
        """
        try:
            return self._uncounted.pop()
        except IndexError:
            return False

    def settle(self, outcome: Outcome) -> None:
        """Tell its sender; only the first time counts."""
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(self, outcome)


def not_in_time() -> Refusal:
    """Return the refusal of a request whose outcome is not known in time."""
    return Refusal(reason="handover_timeout", message="the analysis did not answer in time")


def refusal_of(answer: FrameAnswer | Refusal | None) -> Refusal | None:
    """Return why a frame was not kept, in the terms of its senders; None: it was."""
    if answer is None:
        return not_in_time()
    if isinstance(answer, Refusal):
        return answer
    match answer.outcome:
        case "kept":
            return None
        case "full":
            return Refusal(reason="brain_full", message=answer.reason or "the buffers are full")
        case _:
            return Refusal(reason="broken", message=answer.reason or "the frame was not understood")
