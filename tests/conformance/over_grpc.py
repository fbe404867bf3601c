"""What OTLP asks of a receiver over gRPC."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc

from tests.conformance import payload
from tests.conformance.check import TIMEOUT_S, Suite
from tests.conformance.payload import METHODS, MIB, RESPONSES, RETRY_INFO, SIGNALS

GRPC: Final = Suite("grpc")
_OPTIONS: Final = [
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


@contextmanager
def _channel(endpoint: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(endpoint, options=_OPTIONS) as channel:
        yield channel


def _export(endpoint: str, signal: str, body: bytes, **options: Any) -> Any:
    """Return the response that the receiver sent."""
    with _channel(endpoint) as channel:
        raw = channel.unary_unary(METHODS[signal])(body, timeout=TIMEOUT_S, **options)
    return RESPONSES[signal].FromString(raw)


def _error(endpoint: str, body: bytes, method: str = METHODS["traces"], **options: Any) -> Any:
    with _channel(endpoint) as channel:
        try:
            channel.unary_unary(method)(body, timeout=TIMEOUT_S, **options)
        except grpc.RpcError as error:
            return error
    raise AssertionError("answered OK")


def _assert_code(error: Any, code: grpc.StatusCode) -> None:
    assert error.code() is code, f"answered {error.code().name}: {error.details()}"


def _assert_full_success(response: Any) -> None:
    """Nothing rejected and nothing to say; whether it is unset is a check of its own."""
    assert response.partial_success.ByteSize() == 0, f"answered {response}"


def _assert_unset(response: Any) -> None:
    assert not response.HasField("partial_success"), "answered with an empty partial_success"


def _assert_final(error: Any) -> None:
    """No advice to retry in any of the places where exporters look for it."""
    trailers = error.trailing_metadata() or ()
    told = [key for key, value in trailers if "retry" in key or RETRY_INFO in _raw(value)]
    assert not told, f"advised to retry in {told}"


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _per_signal(signal: str) -> None:
    GRPC.add(
        f"partial_success unset, {signal}",
        "A server that accepts all must leave partial_success unset (Full Success)",
        lambda endpoint: _assert_unset(
            _export(endpoint, signal, payload.of(signal).SerializeToString())
        ),
    )
    GRPC.add(
        f"full success, {signal}",
        "A valid request is answered OK with the response of the signal (OTLP/gRPC Response)",
        lambda endpoint: _assert_full_success(
            _export(endpoint, signal, payload.of(signal).SerializeToString())
        ),
    )
    GRPC.add(
        f"empty request, {signal}",
        "A server that receives an empty request should respond with success (Full Success)",
        lambda endpoint: _assert_full_success(_export(endpoint, signal, b"")),
    )
    GRPC.add(
        f"malformed request, {signal}",
        "Data that cannot be decoded is answered with a code that is not retryable, "
        "INVALID_ARGUMENT is recommended (Failures)",
        lambda endpoint: _assert_code(
            _error(endpoint, payload.MALFORMED, METHODS[signal]), grpc.StatusCode.INVALID_ARGUMENT
        ),
    )


for _signal in SIGNALS:
    _per_signal(_signal)


@GRPC.check("gzip", "All components support gzip compression (OTLP/gRPC, OTLP/HTTP)")
def _gzip(endpoint: str) -> None:
    body = payload.trace().SerializeToString()
    _assert_full_success(_export(endpoint, "traces", body, compression=grpc.Compression.Gzip))


@GRPC.check(
    "concurrent requests", "Clients may have several unary calls in flight (Concurrent Requests)"
)
def _concurrent(endpoint: str) -> None:
    body = payload.trace().SerializeToString()
    with _channel(endpoint) as channel, ThreadPoolExecutor(16) as threads:
        call = channel.unary_unary(METHODS["traces"])
        answers = list(threads.map(lambda _: call(body, timeout=TIMEOUT_S), range(64)))
    for answer in answers:
        _assert_full_success(RESPONSES["traces"].FromString(answer))


@GRPC.check("unknown fields", "Unknown fields are ignored (Future Versions and Interoperability)")
def _unknown(endpoint: str) -> None:
    body = payload.trace().SerializeToString() + payload.UNKNOWN_FIELD
    _assert_full_success(_export(endpoint, "traces", body))


@GRPC.check("values of all kinds", "Attribute values may be empty, bytes, lists and maps (1.9)")
def _values(endpoint: str) -> None:
    body = payload.with_values_of_all_kinds().SerializeToString()
    _assert_full_success(_export(endpoint, "traces", body))


@GRPC.check("empty envelopes", "Envelopes without telemetry may be ignored, and are no error")
def _envelopes(endpoint: str) -> None:
    body = payload.empty_envelopes().SerializeToString()
    _assert_full_success(_export(endpoint, "traces", body))


@GRPC.check("duplicates", "A request may come again after a retry (Duplicate Data)")
def _duplicates(endpoint: str) -> None:
    body = payload.trace().SerializeToString()
    for _ in range(2):
        _assert_full_success(_export(endpoint, "traces", body))


@GRPC.check("unknown method", "What is not there is UNIMPLEMENTED, which is not retryable")
def _unknown_method(endpoint: str) -> None:
    method = "/opentelemetry.proto.collector.trace.v1.TraceService/NotThere"
    _assert_code(_error(endpoint, b"", method), grpc.StatusCode.UNIMPLEMENTED)


@GRPC.check(
    "60 MiB", "The recommended limit of a message is 64 MiB (Message Size Limits)", is_large=True
)
def _large(endpoint: str) -> None:
    _assert_full_success(_export(endpoint, "logs", payload.of_size(60 * MIB)))


@GRPC.check(
    "65 MiB",
    "A message beyond the limit is RESOURCE_EXHAUSTED and not to be retried (Message Size Limits)",
    is_large=True,
)
def _too_large(endpoint: str) -> None:
    error = _error(endpoint, payload.of_size(65 * MIB), METHODS["logs"])
    _assert_code(error, grpc.StatusCode.RESOURCE_EXHAUSTED)
    _assert_final(error)


@GRPC.check(
    "65 MiB when inflated",
    "The limit holds for the message after decompression too (Message Size Limits)",
    is_large=True,
)
def _bomb(endpoint: str) -> None:
    error = _error(
        endpoint, payload.of_size(65 * MIB), METHODS["logs"], compression=grpc.Compression.Gzip
    )
    _assert_code(error, grpc.StatusCode.RESOURCE_EXHAUSTED)
    _assert_final(error)
