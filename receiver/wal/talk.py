"""What a receiver with a log and the brain tell each other beyond frames, on one connection.

The receiver says whose frames it has and what is lost; the brain says what it has of them and how
far the log may be cut. Then the brain is given what it lacks, between new frames.
"""

from collections.abc import Collection, Mapping
from typing import Any

from knowledge.frames import FrameAnswer, Greeting
from receiver.frame import Frame
from receiver.wal.log import Log
from receiver.wal.replay import Replay


class Talk:
    """The state of the conversation; `begin` anew with each connection."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._replay: Replay | None = None
        self._told_done = False
        self._is_replays_turn = True

    def begin(self) -> None:
        """Forget what was said on the connection before."""
        self._replay = None
        self._told_done = False

    @property
    def is_greeted(self) -> bool:
        """Whether the brain has said what it needs."""
        return self._replay is not None

    def words(self) -> Mapping[str, Any]:
        """Return what a heartbeat says of the log."""
        done = self._replay is not None and self._replay.is_done
        self._told_done = done
        return {
            "hello": [] if self.is_greeted else self._log.epochs(),
            "replayed": done,
            "lost": [lost.as_header() for lost in self._log.lost()],
        }

    def hear(self, greeting: Greeting, *, own_up_to: int, in_flight: Collection[int]) -> None:
        """Take note of what the brain has; the first time it is given what it lacks."""
        if self._replay is None:
            self._replay = self._log.replay(greeting, own_up_to=own_up_to, in_flight=in_flight)
        else:
            self._log.horizon(greeting)

    def has_news(self) -> bool:
        """Whether the brain should hear at once that it has all."""
        return self._replay is not None and self._replay.is_done and not self._told_done

    def is_ready(self) -> bool:
        """Whether there is a frame to replay now."""
        return self._replay is not None and self._replay.is_ready

    def take(self, *, has_new: bool) -> Frame | None:
        """Return a frame to replay; new frames have every other turn."""
        if self._replay is None or not self._replay.is_ready:
            return None
        self._is_replays_turn = not self._is_replays_turn or not has_new
        return self._replay.take() if self._is_replays_turn else None

    def answered(self, answer: FrameAnswer) -> None:
        """Take note of what became of any frame."""
        self._log.answered(answer)
        if self._replay is not None:
            self._replay.answered(answer)
