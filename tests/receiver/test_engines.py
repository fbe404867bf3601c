"""Both engines build the same columns, and the reference takes over where ptars fails."""

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf.message import DecodeError

from knowledge.schemas import SIGNALS, Signal
from receiver import engines
from receiver.decode import decode
from receiver.engines import MESSAGES, UndecodableError, columns
from receiver.principals import NOBODY, Principal
from receiver.reference import schema_of
from tests.conformance import payload
from tests.fuzz.corpus import mutate, seeds

MARK = b"ptars stumbles over this"


class PanicException(BaseException):
    """As ptars raises it."""


@pytest.mark.parametrize("signal", SIGNALS)
def test_both_have_one_schema(signal: Signal) -> None:
    schema = columns("fast", signal, []).schema
    assert schema == columns("reference", signal, []).schema
    assert schema == schema_of(MESSAGES[signal].DESCRIPTOR)  # type: ignore[arg-type]  # upb's


@pytest.mark.parametrize("signal", SIGNALS)
def test_both_read_broken_requests_alike(signal: Signal) -> None:
    read = 0
    for seed in range(400):
        rng = random.Random(seed)
        body = mutate(rng.choice(seeds(signal)), rng)
        try:
            MESSAGES[signal].FromString(body)
        except DecodeError:
            with pytest.raises(UndecodableError):
                columns("reference", signal, [body])
            continue
        found, wanted = columns("fast", signal, [body]), columns("reference", signal, [body])
        wanted.validate(full=True)
        assert found.equals(wanted) or repr(found.to_pylist()) == repr(wanted.to_pylist())  # NaN
        read += 1
    assert read > 30


@pytest.fixture(params=[ValueError, RuntimeError, PanicException])
def stumbling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ptars fails on each request that has MARK in it."""

    def stumble(
        handler: Callable[[Sequence[bytes]], pa.RecordBatch], bodies: Sequence[bytes]
    ) -> pa.RecordBatch:
        if any(MARK in body for body in bodies):
            raise request.param("cannot")
        return handler(bodies)

    for signal, handler in list(engines._HANDLERS.items()):
        monkeypatch.setitem(engines._HANDLERS, signal, partial(stumble, handler))


def marked(body: bytes) -> bytes:
    """A request that is as good as any other; the mark is an unknown field at its end."""
    return body + bytes([0xA2, 6, len(MARK)]) + MARK


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.usefixtures("stumbling")
def test_the_reference_takes_over_and_neighbours_pay_nothing(signal: Signal) -> None:
    honest, broken = payload.of(signal).SerializeToString(), b"\x0a\xff"
    senders = [Principal(name="first", services=("*",)), NOBODY, NOBODY, NOBODY]
    bodies = [honest, marked(honest), broken, marked(honest)]
    decoded = decode(signal, bodies, items_max=1_000, principals=senders)
    assert decoded.outcomes[0] == decoded.outcomes[1] == decoded.outcomes[3] == {}
    assert getattr(decoded.outcomes[2], "reason", None) == "malformed"
    assert decoded.by_reference == 2
    alone = decode(signal, [honest], items_max=1_000, principals=senders[:1]).rows
    assert decoded.rows.num_rows == 3 * alone.num_rows
    told = decoded.rows.column("principal").to_pylist()
    assert told.count("first") == alone.num_rows
    plain = decode(signal, [honest] * 3, items_max=1_000, engine="reference").rows
    assert without_sender(decoded.rows) == without_sender(plain)


def without_sender(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    told = rows.drop_columns(["principal", "is_verified"]).to_pylist()
    return sorted(told, key=repr)


def test_the_reference_counts_what_it_decodes() -> None:
    body = payload.of("logs").SerializeToString()
    assert decode("logs", [body, body], items_max=9).by_reference == 0
    assert decode("logs", [body, body], items_max=9, engine="reference").by_reference == 2


def test_without_ptars_all_is_decoded_by_the_reference() -> None:
    script = (
        "import sys; sys.modules['ptars'] = None\n"
        "from receiver.decode import decode\n"
        "from receiver.engines import why_slow\n"
        "body = bytes.fromhex(sys.argv[1])\n"
        "found = decode('traces', [body], items_max=100)\n"
        "print(found.by_reference, found.rows.num_rows, why_slow('fast'), why_slow('reference'))"
    )
    body = payload.of("traces").SerializeToString()
    run = subprocess.run(
        [sys.executable, "-c", script, body.hex()], capture_output=True, text=True, check=True
    )
    count = decode("traces", [body], items_max=100).rows.num_rows
    assert run.stdout.startswith(f"1 {count} decoding by protobuf alone")
    assert run.stdout.endswith(" None\n")
