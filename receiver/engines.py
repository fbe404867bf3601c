"""What makes columns of the bytes of requests: ptars, and protobuf alone where ptars cannot.

Both give the same columns, so nothing behind them knows which one it was. The projection's messages
are compiled into ptars once, when this is imported.
"""

from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa
from google.protobuf.message import DecodeError, Message

from knowledge.schemas import Signal
from receiver import reference
from receiver.projection import logs_pb2, metrics_pb2, trace_pb2
from receiver.settings import Engine

try:
    import ptars
except ImportError as error:  # no wheel for this platform; tested with the import forbidden
    _WHY_NO_PTARS: str | None = str(error)
else:
    _WHY_NO_PTARS = None

MESSAGES: Final[dict[Signal, type[Message]]] = {
    "traces": trace_pb2.TracesData,
    "metrics": metrics_pb2.MetricsData,
    "logs": logs_pb2.LogsData,
}


class UndecodableError(ValueError):
    """An engine cannot make columns of these requests; another one may."""


def available(wanted: Engine) -> Engine:
    """Return the engine that will be used where `wanted` is asked for."""
    return wanted if _WHY_NO_PTARS is None else "reference"


def why_slow(wanted: Engine) -> str | None:
    """Say why requests are decoded slowly although that was not asked for; None: they are not."""
    if available(wanted) == wanted:
        return None
    return f"decoding by protobuf alone, up to five times slower: no ptars ({_WHY_NO_PTARS})"


def columns(engine: Engine, signal: Signal, bodies: Sequence[bytes]) -> pa.RecordBatch:
    """Return the columns of requests of one signal, a row each.

    Raises:
        UndecodableError: at least one of them is not to be decoded by this engine.
        MemoryError: there is no room for the columns, which another engine would not change.
    """
    if engine == "reference":
        try:
            return reference.columns(MESSAGES[signal], bodies)
        except DecodeError as error:
            raise UndecodableError(str(error)) from error
    try:
        return _HANDLERS[signal](bodies)
    except MemoryError:
        raise
    except Exception as error:
        raise UndecodableError(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of ptars; derives from BaseException
            raise
        raise UndecodableError("the decoder failed") from None


def _handlers() -> dict[Signal, Callable[[Sequence[bytes]], pa.RecordBatch]]:
    if _WHY_NO_PTARS is not None:
        return {}
    pool = ptars.HandlerPool(
        [trace_pb2.DESCRIPTOR, metrics_pb2.DESCRIPTOR, logs_pb2.DESCRIPTOR],
        config=ptars.PtarsConfig(list_value_nullable=True),
    )
    return {
        signal: pool.get_for_message(message.DESCRIPTOR).list_to_record_batch
        for signal, message in MESSAGES.items()
    }


_HANDLERS: Final = _handlers()
