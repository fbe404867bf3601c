"""Questions to receivers: all are asked, a silent one is not waited for, and it is said."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from homeostat import questions
from homeostat.questions import Questions
from knowledge.framing import Unpacker
from knowledge.snapshot import TraceRecord

TRACE = "ab" * 16


Answer = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


def _ask(*receivers: Answer) -> TraceRecord:
    """Ask receivers that answer a question's header as the functions say; None: not at all."""

    async def serve(asked: Questions, end: socket.socket, answer: Answer) -> None:
        data = await asyncio.get_running_loop().sock_recv(end, 65536)
        for message in Unpacker().feed(data):
            if (told := answer(message.header)) is not None:
                asked.answer(told)

    async def main() -> TraceRecord:
        asked = Questions()
        async with asyncio.TaskGroup() as tasks:
            with contextlib.ExitStack() as stack:
                for answer in receivers:
                    ours, theirs = socket.socketpair()
                    stack.enter_context(ours)
                    for end in (ours, theirs):
                        end.setblocking(False)  # noqa: FBT003 - the socket's own signature
                    stack.enter_context(theirs)
                    stack.enter_context(asked.to(ours))
                    tasks.create_task(serve(asked, theirs, answer))
                return await asked.trace(TRACE)

    return asyncio.run(main())


def _told(span: str, *, is_whole: bool = True) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return lambda header: {
        "told": header["ask"],
        "spans": [{"item": {"name": span}}],
        "logs": [],
        "is_whole": is_whole,
    }


def test_answers_of_all_receivers_are_joined() -> None:
    found = _ask(_told("a"), _told("b"))
    assert sorted(span["item"]["name"] for span in found.spans) == ["a", "b"]
    assert found.is_whole


def test_what_a_receiver_left_out_is_said() -> None:
    assert not _ask(_told("a"), _told("b", is_whole=False)).is_whole


def test_a_receiver_that_does_not_answer_costs_its_part_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "ANSWER_WITHIN_S", 0.05)
    found = _ask(_told("a"), lambda _: None)
    assert ([span["item"]["name"] for span in found.spans], found.is_whole) == (["a"], False)


def test_nobody_to_ask_is_an_empty_answer() -> None:
    assert _ask().spans == ()
