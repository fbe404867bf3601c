"""What the brain asks its receivers: they alone hold what senders wrote in full."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from knowledge.framing import pack
from knowledge.snapshot import TraceRecord

ANSWER_WITHIN_S: Final = 3.0
"""A receiver under load looks a trace up in some 100 ms; who is later is left out."""


class Questions:
    """Asks over the connections on which frames come; one answer per receiver and question."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._receivers: dict[socket.socket, asyncio.Lock] = {}
        self._waiting: dict[int, asyncio.Queue[Mapping[str, Any]]] = {}

    @contextlib.contextmanager
    def to(self, receiver: socket.socket) -> Iterator[asyncio.Lock]:
        """Ask also this receiver from now on; yields the lock for whoever sends to it."""
        self._receivers[receiver] = sending = asyncio.Lock()
        try:
            yield sending
        finally:
            del self._receivers[receiver]

    def answer(self, header: Mapping[str, Any]) -> None:
        """Take a receiver's answer; one that comes too late is dropped."""
        if waiting := self._waiting.get(int(header["told"])):
            waiting.put_nowait(header)

    async def trace(self, trace_id: str) -> TraceRecord:
        """Return what all receivers hold of a trace (32 hex digits), as far as they answer."""
        number = next(self._numbers)
        answers: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._waiting[number] = answers
        told: list[Mapping[str, Any]] = []
        asked = 0
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                for receiver in tuple(self._receivers):
                    asked += await self._ask(receiver, {"ask": number, "trace_id": trace_id})
                while len(told) < asked:
                    told.append(await answers.get())
        except TimeoutError:
            pass  # what is there is told, and that it is not all
        finally:
            del self._waiting[number]
        return TraceRecord(
            trace_id=trace_id,
            spans=_joined(told, "spans"),
            logs=_joined(told, "logs"),
            is_whole=len(told) == len(self._receivers) and all(t["is_whole"] for t in told),
        )

    async def _ask(self, receiver: socket.socket, question: Mapping[str, Any]) -> bool:
        """Return whether the receiver could be asked; one that hung up cannot."""
        sending = self._receivers.get(receiver)
        if sending is None:
            return False
        try:
            async with sending:
                await asyncio.get_running_loop().sock_sendall(receiver, pack(question))
        except OSError:
            return False
        return True


def _joined(told: Sequence[Mapping[str, Any]], kind: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(item for answer in told for item in answer[kind])
