"""Hands frames to the brain and keeps each until it is answered.

A frame whose answer is lost with the connection is sent again on the next one under the same name;
the brain keeps it once. Two threads: one connects and sends, one reads answers.
"""

import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa

from knowledge.frames import FrameAnswer, FrameHead
from knowledge.framing import FramingError
from knowledge.schemas import Signal
from receiver.connection import Connection
from receiver.counters import Counters
from receiver.frame import Frame, frame_body
from receiver.recent import RecentRequests, Told

HEARTBEAT_S: Final = 1.0
_BACKOFF_MIN_S: Final = 0.05
_BACKOFF_MAX_S: Final = 1.0


class Handover:
    """The way to the brain. `submit` may be called by one thread at a time."""

    def __init__(
        self,
        *,
        path: str,
        epoch: str,
        counters: Counters,
        recent: RecentRequests,
        inflight_max: int,
        timeout_s: float,
    ) -> None:
        self._path = path
        self._epoch = epoch
        self._counters = counters
        self._recent = recent
        self._inflight_max = inflight_max
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._unanswered: OrderedDict[int, Frame] = OrderedDict()
        self._next_sequence = 1
        self._sent_up_to = 0
        self._told: deque[dict[str, Any]] = deque()
        self._connection: Connection | None = None
        self._stopping = False
        self._writer = threading.Thread(target=self._run, name="handover", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._writer.start()

    @property
    def connected(self) -> bool:
        """Whether the brain is there, as far as we know."""
        return self._connection is not None

    def submit(
        self,
        signal: Signal,
        rows: pa.RecordBatch,
        *,
        expires_monotonic_s: float,
        answered: Callable[[FrameAnswer | None], None],
    ) -> None:
        """Queue `rows` as one frame; waits while too many frames are unanswered.

        `answered` is called once, by another thread unless there was no room in time: with the
        brain's answer, or with None when it stays unknown until `expires_monotonic_s`.
        """
        body = frame_body(rows)
        with self._changed:
            room = self._changed.wait_for(
                lambda: len(self._unanswered) < self._inflight_max or self._stopping,
                timeout=max(0.0, expires_monotonic_s - time.monotonic()),
            )
            accepted = room and not self._stopping
            if accepted:
                sequence = self._next_sequence
                self._next_sequence += 1
                self._unanswered[sequence] = Frame(
                    head=FrameHead(
                        epoch=self._epoch,
                        sequence=sequence,
                        signal=signal,
                        rows=len(rows),
                    ),
                    body=body,
                    body_bytes=sum(piece.size for piece in body),
                    expires_monotonic_s=expires_monotonic_s,
                    answered=answered,
                )
                self._changed.notify_all()
        if not accepted:
            answered(None)

    def close(self) -> None:
        """Hang up; frames that are still unanswered stay so."""
        with self._changed:
            self._stopping = True
            left = list(self._unanswered.values())
            self._unanswered.clear()
            connection = self._connection
            self._changed.notify_all()
        if connection is not None:
            connection.close()
        if self._writer.is_alive():
            self._writer.join(self._timeout_s)
        for frame in left:
            frame.answered(None)

    def _run(self) -> None:
        backoff_s = _BACKOFF_MIN_S
        while not self._stopping:
            try:
                connection = Connection(self._path, timeout_s=self._timeout_s)
            except OSError:
                backoff_s = min(2 * backoff_s, _BACKOFF_MAX_S)
                self._forget_expired()
            else:
                backoff_s = _BACKOFF_MIN_S
                self._use(connection)
            with self._changed:  # also after a loss: a brain that hangs up at once is not rushed
                self._changed.wait_for(lambda: self._stopping, timeout=backoff_s)

    def _use(self, connection: Connection) -> None:
        """Send on `connection` until it breaks."""
        self._forget_expired()
        with self._changed:
            self._connection = connection
            self._sent_up_to = 0
            self._told.clear()
        reader = threading.Thread(
            target=self._read, args=(connection,), name="answers", daemon=True
        )
        reader.start()
        try:
            while self._send_next(connection):
                pass
        except OSError:
            self._counters.add("brain_connections_lost")
        finally:
            with self._changed:
                self._connection = None
            connection.close()
            reader.join()

    def _send_next(self, connection: Connection) -> bool:
        """Send the next frame, else an answer, else a heartbeat; False when the peer is gone."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._stopping
                    or self._connection is None
                    or self._unsent() is not None
                    or bool(self._told)
                ),
                timeout=HEARTBEAT_S,
            )
            if self._stopping or self._connection is None:
                return False
            frame = self._unsent()
            if frame is not None:
                self._sent_up_to = frame.head.sequence
            told = self._told.popleft() if self._told and frame is None else None
        counters = self._counters.snapshot()
        if frame is not None:
            connection.send_frame(frame, counters)
        elif told is not None:
            connection.send_header(told)
        else:
            connection.send_header({"epoch": self._epoch, "heartbeat": True, "counters": counters})
        return True

    def _unsent(self) -> Frame | None:
        for sequence, frame in self._unanswered.items():
            if sequence > self._sent_up_to:
                return frame
        return None

    def _read(self, connection: Connection) -> None:
        try:
            for header in connection.answers():
                if "ask" in header:
                    self._tell(header)
                else:
                    self._answer(FrameAnswer.from_header(header))
        except (OSError, FramingError, LookupError) as error:
            if not self._stopping:
                sys.stderr.write(f"receiver lost the brain: {error}\n")
        with self._changed:
            self._connection = None
            self._changed.notify_all()

    def _answer(self, answer: FrameAnswer) -> None:
        with self._changed:
            frame = self._unanswered.pop(answer.sequence, None)
            self._changed.notify_all()
        if frame is not None:
            frame.answered(answer)

    def _tell(self, question: Mapping[str, Any]) -> None:
        """Look up what the brain asks about a trace; the other thread sends it."""
        try:
            told = asdict(self._recent.trace(bytes.fromhex(question["trace_id"])))
        except Exception:  # noqa: BLE001 - what senders wrote must not end the reading of answers
            traceback.print_exc(file=sys.stderr)
            told = asdict(Told(spans=(), logs=(), is_whole=False))
        with self._changed:
            self._told.append({"epoch": self._epoch, "told": question["ask"], **told})
            self._changed.notify_all()

    def _forget_expired(self) -> None:
        """Let go of frames that nobody waits for: their senders were told to try again."""
        now_s = time.monotonic()
        with self._changed:
            expired = [f for f in self._unanswered.values() if f.expires_monotonic_s <= now_s]
            for frame in expired:
                del self._unanswered[frame.head.sequence]
            self._changed.notify_all()
        for frame in expired:
            frame.answered(None)
