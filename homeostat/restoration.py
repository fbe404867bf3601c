"""After a start: what the receivers' logs hold comes first, then windows are built.

Each receiver says when the brain has all that its log holds. Until all have said so, or the wait is
over, no window is looked at; a wait that was in vain is a gap.
"""

import asyncio
from typing import Final

WAIT_S: Final = 15.0
"""How long receivers may take: they start within a second and replay some 200 MB a second."""


class Restoration:
    """Knows which receivers have given back what they hold."""

    def __init__(self, *, receivers: int, wait_s: float = WAIT_S) -> None:
        """`receivers`: how many there are to wait for; 0: none has a log."""
        self._receivers = receivers
        self._wait_s = wait_s
        self._done: set[str] = set()
        self._all = asyncio.Event()
        if not receivers:
            self._all.set()

    def done(self, epoch: str) -> None:
        """Take note that a receiver has given all."""
        self._done.add(epoch)
        if len(self._done) >= self._receivers:
            self._all.set()

    async def wait(self) -> str | None:
        """Wait until all have; return what is missing, if so. Returns at once the next time."""
        if self._all.is_set():
            return None
        try:
            await asyncio.wait_for(self._all.wait(), self._wait_s)
        except TimeoutError:
            self._all.set()
            return (
                f"{len(self._done)} of {self._receivers} receivers gave back their log "
                f"within {self._wait_s:.0f} s of the start"
            )
        return None
