"""What OTLP asks of a receiver over HTTP, in either encoding."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.conformance import payload
from tests.conformance.asking import (
    JSON,
    PROTOBUF,
    Answer,
    ask,
    assert_full_success,
    assert_refused,
    assert_status_body,
    assert_unset,
)
from tests.conformance.check import Suite
from tests.conformance.payload import MIB, SIGNALS

HTTP: Final = Suite("http")
GZIP: Final = {"Content-Encoding": "gzip"}
BINARY: Final = PROTOBUF["Content-Type"]
TEXT: Final = JSON["Content-Type"]
STATUS_BODY: Final = (
    "The body of each 4xx and 5xx is a google.rpc.Status in the encoding of the request (Failures)"
)


def _per_signal(signal: str) -> None:
    HTTP.add(
        f"partial_success unset, {signal}",
        "A server that accepts all must leave partial_success unset (Full Success)",
        lambda endpoint: assert_unset(
            ask(endpoint, signal, payload.of(signal).SerializeToString(), PROTOBUF), signal
        ),
    )
    HTTP.add(
        f"full success, {signal}",
        "A valid request is answered 200 with the response of the signal in the type of the "
        "request (OTLP/HTTP Response)",
        lambda endpoint: assert_full_success(
            ask(endpoint, signal, payload.of(signal).SerializeToString(), PROTOBUF), signal, BINARY
        ),
    )
    HTTP.add(
        f"empty request, {signal}",
        "A server that receives an empty request should respond with success (Full Success)",
        lambda endpoint: assert_full_success(ask(endpoint, signal, b"", PROTOBUF), signal, BINARY),
    )
    HTTP.add(
        f"malformed request, {signal}",
        "What cannot be decoded is answered 400 (Bad Data). " + STATUS_BODY,
        lambda endpoint: assert_refused(
            ask(endpoint, signal, payload.MALFORMED, PROTOBUF), 400, BINARY
        ),
    )


for _signal in SIGNALS:
    _per_signal(_signal)


def _send(endpoint: str, body: bytes, signal: str = "traces", **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(endpoint, signal, body, {**PROTOBUF, **names})


@HTTP.check("gzip", "The body may be compressed with gzip (OTLP/HTTP Request)")
def _gzip(endpoint: str) -> None:
    body = gzip.compress(payload.trace().SerializeToString())
    assert_full_success(_send(endpoint, body, Content_Encoding="gzip"), "traces", BINARY)


@HTTP.check(
    "plain answer", "An answer is compressed only for a client that says it accepts that (Response)"
)
def _plain(endpoint: str) -> None:
    answer = ask(endpoint, "traces", payload.MALFORMED, PROTOBUF)
    coding = answer.headers.get("content-encoding", "identity")
    assert coding == "identity", f"answered with Content-Encoding {coding}"


@HTTP.check("concurrent requests", "Clients may use several connections (OTLP/HTTP Concurrent)")
def _concurrent(endpoint: str) -> None:
    body = payload.trace().SerializeToString()
    with ThreadPoolExecutor(16) as threads:
        for answer in threads.map(lambda _: _send(endpoint, body), range(64)):
            assert_full_success(answer, "traces", BINARY)


@HTTP.check("unknown fields", "Unknown fields are ignored (Future Versions and Interoperability)")
def _unknown(endpoint: str) -> None:
    body = payload.trace().SerializeToString() + payload.UNKNOWN_FIELD
    assert_full_success(_send(endpoint, body), "traces", BINARY)


@HTTP.check("values of all kinds", "Attribute values may be empty, bytes, lists and maps (1.9)")
def _values(endpoint: str) -> None:
    body = payload.with_values_of_all_kinds().SerializeToString()
    assert_full_success(_send(endpoint, body), "traces", BINARY)


@HTTP.check("duplicates", "A request may come again after a retry (Duplicate Data)")
def _duplicates(endpoint: str) -> None:
    body = payload.trace().SerializeToString()
    for _ in range(2):
        assert_full_success(_send(endpoint, body), "traces", BINARY)


@HTTP.check("type with parameters", "A media type may have parameters (RFC 9110, section 8.3.1)")
def _parameters(endpoint: str) -> None:
    body = payload.trace().SerializeToString()
    answer = ask(endpoint, "traces", body, {"Content-Type": f"{BINARY}; charset=utf-8"})
    assert_full_success(answer, "traces", BINARY)


@HTTP.check(
    "60 MiB", "The recommended limit of a body is 64 MiB (Message Size Limits)", is_large=True
)
def _large(endpoint: str) -> None:
    assert_full_success(_send(endpoint, payload.of_size(60 * MIB), "logs"), "logs", BINARY)


@HTTP.check(
    "65 MiB", "A body beyond the limit is answered 413 (Message Size Limits)", is_large=True
)
def _too_large(endpoint: str) -> None:
    status = _send(endpoint, payload.of_size(65 * MIB), "logs").status
    assert status == 413, f"answered {status}"


@HTTP.check("65 MiB, body", STATUS_BODY, is_large=True)
def _too_large_body(endpoint: str) -> None:
    assert_status_body(_send(endpoint, payload.of_size(65 * MIB), "logs"), BINARY)


@HTTP.check(
    "65 MiB when inflated",
    "The limit holds after decompression too: 413 (Message Size Limits)",
    is_large=True,
)
def _bomb(endpoint: str) -> None:
    body = gzip.compress(payload.of_size(65 * MIB))
    assert_refused(_send(endpoint, body, "logs", Content_Encoding="gzip"), 413, BINARY)


@HTTP.check("wrong gzip", "What cannot be inflated is answered 400 (Bad Data). " + STATUS_BODY)
def _wrong_gzip(endpoint: str) -> None:
    assert_refused(_send(endpoint, b"no gzip", Content_Encoding="gzip"), 400, BINARY)


@HTTP.check("unknown coding", "A coding that is not taken is refused with a 4xx. " + STATUS_BODY)
def _unknown_coding(endpoint: str) -> None:
    answer = _send(endpoint, payload.trace().SerializeToString(), Content_Encoding="made-up")
    assert 400 <= answer.status < 500, f"answered {answer.status}"
    assert_status_body(answer, BINARY)


@HTTP.check("unknown path", "A path that is not there is answered 404. " + STATUS_BODY)
def _not_found(endpoint: str) -> None:
    answer = ask(endpoint, "traces", b"", PROTOBUF, path="/v1/not-there")
    assert_refused(answer, 404, BINARY)


@HTTP.check("GET", "Requests are sent by POST, others are answered 405. " + STATUS_BODY)
def _get(endpoint: str) -> None:
    assert_refused(ask(endpoint, "traces", b"", PROTOBUF, method="GET"), 405, BINARY)


@HTTP.check("unknown type", "A type that is not OTLP's is answered 415. " + STATUS_BODY)
def _unknown_type(endpoint: str) -> None:
    answer = ask(endpoint, "traces", b"<spans/>", {"Content-Type": "text/xml"})
    assert answer.status == 415, f"answered {answer.status}"
    assert_status_body(answer, None)


@HTTP.check("no type", "A request without a type is answered with a 4xx. " + STATUS_BODY)
def _no_type(endpoint: str) -> None:
    for signal in SIGNALS:
        answer = ask(endpoint, signal, b"x", {})
        assert 400 <= answer.status < 500, f"{signal}: answered {answer.status}"
        assert_status_body(answer, None)


@HTTP.check("details of bad data", "The Status of bad data should have details (Bad Data)")
def _details(endpoint: str) -> None:
    answer = ask(endpoint, "traces", b"{", JSON)
    found = json.loads(answer.body)
    assert found.get("details"), f"answered {answer.body[:200]!r}"
