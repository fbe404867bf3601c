"""Hands frames to the brain and keeps each until it is answered.

A frame whose answer is lost with the connection is sent again on the next one under the same name;
the brain keeps it once. Two threads: one connects and sends, one reads answers. With a log a frame
is on disk before it is sent, and a brain that has lost frames is given them again from there.
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
import pyarrow.compute as pc

from knowledge.frames import FrameAnswer, FrameHead, Greeting
from knowledge.framing import FramingError
from knowledge.schemas import EVENT_TIME, Signal
from receiver.connection import Connection
from receiver.counters import Counters
from receiver.frame import Frame, frame_body
from receiver.recent import RecentRequests, Told
from receiver.refusal import Refusal
from receiver.wal.log import Log
from receiver.wal.talk import Talk

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
        log: Log | None = None,
    ) -> None:
        self._log = log
        self._talk = None if log is None else Talk(log)
        self._logging: dict[int, Frame] = {}
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
        return self._connection is not None and (self._talk is None or self._talk.is_greeted)

    def refusal(self) -> Refusal | None:
        """Return why nothing can be handed over just now, if so."""
        if not self.connected:
            return Refusal(reason="brain_absent", message="the analysis is not reachable")
        return None if self._log is None else self._log.refusal()

    def submit(
        self,
        signal: Signal,
        rows: pa.RecordBatch,
        *,
        expires_monotonic_s: float,
        answered: Callable[[FrameAnswer | Refusal | None], None],
    ) -> None:
        """Queue `rows` as one frame; waits while too many frames are unanswered.

        `answered` is called once, by another thread unless there was no room in time: with the
        brain's answer, with why it was not handed over, or with None when it stays unknown until
        `expires_monotonic_s`.
        """
        body, newest = frame_body(rows), pc.max(rows[EVENT_TIME[signal]]).as_py()
        with self._changed:
            room = self._changed.wait_for(
                lambda: self._has_room() or self._stopping,
                timeout=max(0.0, expires_monotonic_s - time.monotonic()),
            )
            accepted = room and not self._stopping
            if accepted:
                sequence = self._next_sequence
                self._next_sequence += 1
                frame = Frame(
                    head=FrameHead(
                        epoch=self._epoch,
                        sequence=sequence,
                        signal=signal,
                        rows=len(rows),
                    ),
                    body=body,
                    body_bytes=sum(piece.size for piece in body),
                    newest_unix_ns=newest,
                    expires_monotonic_s=expires_monotonic_s,
                    answered=answered,
                )
                (self._logging if self._log else self._unanswered)[sequence] = frame
                self._changed.notify_all()
        if not accepted:
            answered(None)
        elif self._log is not None:
            self._log.append(frame, lambda refusal: self._logged(frame, refusal))

    def _has_room(self) -> bool:
        return len(self._unanswered) + len(self._logging) < self._inflight_max

    def _logged(self, frame: Frame, refusal: Refusal | None) -> None:
        """Send a frame that is on disk now; refuse one that is not."""
        with self._changed:
            is_wanted = self._logging.pop(frame.head.sequence, None) is not None
            if is_wanted and refusal is None:
                self._unanswered[frame.head.sequence] = frame
            self._changed.notify_all()
        if is_wanted and refusal is not None:
            frame.answered(refusal)

    def close(self) -> None:
        """Hang up; frames that are still unanswered stay so."""
        with self._changed:
            self._stopping = True
            left = [*self._unanswered.values(), *self._logging.values()]
            self._unanswered.clear()
            self._logging.clear()
            connection = self._connection
            self._changed.notify_all()
        if connection is not None:
            connection.close()
        if self._writer.is_alive():
            self._writer.join(self._timeout_s)
        for frame in left:
            self._unknown(frame)

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
            if self._talk is not None:
                self._talk.begin()
        reader = threading.Thread(
            target=self._read, args=(connection,), name="answers", daemon=True
        )
        reader.start()
        try:
            if self._talk is not None:
                connection.send_header(self._heartbeat())
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
            self._changed.wait_for(self._has_to_send, timeout=HEARTBEAT_S)
            if self._stopping or self._connection is None:
                return False
            has_new = self._unsent() is not None
        # it reads the disk: nobody has to wait for that
        frame = None if self._talk is None else self._talk.take(has_new=has_new)
        told = None
        if frame is None:
            with self._changed:
                frame = self._unsent()
                if frame is not None:
                    self._sent_up_to = frame.head.sequence
                elif self._told:
                    told = self._told.popleft()
        if frame is not None:
            connection.send_frame(frame, self._counters.snapshot)
        else:
            connection.send_header(told if told is not None else self._heartbeat())
        return True

    def _has_to_send(self) -> bool:
        return (
            self._stopping
            or self._connection is None
            or self._unsent() is not None
            or bool(self._told)
            or (self._talk is not None and (self._talk.is_ready() or self._talk.has_news()))
        )

    def _heartbeat(self) -> dict[str, Any]:
        words = self._talk.words() if self._talk is not None else {}
        counters = self._counters.snapshot()
        return {"epoch": self._epoch, "heartbeat": True, "counters": counters, **words}

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
                elif "brain" in header:
                    self._hear(Greeting.from_header(header))
                else:
                    self._answer(FrameAnswer.from_header(header))
        except (OSError, FramingError, LookupError) as error:
            if not self._stopping:
                sys.stderr.write(f"receiver lost the brain: {error}\n")
        with self._changed:
            self._connection = None
            self._changed.notify_all()

    def _hear(self, greeting: Greeting) -> None:
        with self._changed:
            if self._talk is not None:
                in_flight = {*self._unanswered, *self._logging}
                self._talk.hear(greeting, own_up_to=self._next_sequence - 1, in_flight=in_flight)
            self._changed.notify_all()

    def _answer(self, answer: FrameAnswer) -> None:
        with self._changed:
            is_own = answer.epoch == self._epoch
            frame = self._unanswered.pop(answer.sequence, None) if is_own else None
            if self._talk is not None:
                self._talk.answered(answer)
            self._changed.notify_all()
        if frame is not None:
            if self._log is not None and answer.outcome != "kept":
                self._log.void(frame)
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
            self._unknown(frame)

    def _unknown(self, frame: Frame) -> None:
        if self._log is not None:
            self._log.void(frame)
        frame.answered(None)
