"""Events of Kubernetes are known among log records, in both shapes that the Collector sends."""

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from receiver.decode import decode

S = 10**9
TEN = 1_795_514_400
"""2026-11-24T10:00:00Z"""
EVENT = ("reason", "object_namespace", "object_kind", "object_name")


def value(tree: Any) -> AnyValue:
    found = AnyValue()
    if isinstance(tree, dict):
        pairs = [KeyValue(key=key, value=value(inner)) for key, inner in tree.items()]
        found.kvlist_value.values.extend(pairs)
    else:
        found.string_value = tree
    return found


def row(
    body: Any, attributes: dict[str, str], resource: dict[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    for key, text in (resource or {}).items():
        group.resource.attributes.add(key=key, value=value(text))
    fields = {"time_unix_nano": S} | fields
    record = group.scope_logs.add().log_records.add(body=value(body), **fields)
    for key, text in attributes.items():
        record.attributes.add(key=key, value=value(text))
    decoded = decode("logs", [request.SerializeToString()], items_max=10)
    assert decoded.outcomes == ({},)
    (found,) = decoded.rows.to_pylist()
    return found  # type: ignore[no-any-return]


def test_events_of_the_k8s_events_receiver() -> None:
    found = row(
        "Back-off restarting failed container cart in pod cart-7d4f-x2",
        {"k8s.event.reason": "BackOff", "k8s.namespace.name": "shop", "k8s.event.name": "x"},
        {"k8s.object.kind": "Pod", "k8s.object.name": "cart-7d4f-x2"},
        severity_text="Warning",
    )
    assert [found[name] for name in EVENT] == ["BackOff", "shop", "Pod", "cart-7d4f-x2"]
    assert found["template"] == "BackOff: Back-off restarting failed container cart in pod *"
    assert found["severity"] == 13


def watched(kind: str = "Event", **more: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "shop", "name": "cart-1"}
    event = {"kind": kind, "reason": "OOMKilling", "type": "Warning", "regarding": about}
    return {"type": "ADDED", "object": event | {"note": "Killed process 42"} | more}


def test_events_of_the_k8s_objects_receiver() -> None:
    told = {"k8s.resource.name": "events", "event.domain": "k8s"}
    found = row(watched(), told)
    assert [found[name] for name in EVENT] == ["OOMKilling", "shop", "Pod", "cart-1"]
    assert found["template"] == "OOMKilling: Killed process *"
    assert found["severity"] == 13
    old = watched()["object"]
    old["involvedObject"] = old.pop("regarding")
    old["message"] = old.pop("note")
    pulled = row(old, told)
    assert [pulled[name] for name in (*EVENT, "template")] == [
        found[name] for name in (*EVENT, "template")
    ]
    assert row(watched(type="Normal"), told)["severity"] == 9


def test_an_event_that_expired_is_not_a_new_one() -> None:
    found = row(watched() | {"type": "DELETED"}, {"k8s.resource.name": "events"})
    assert [found[name] for name in EVENT] == [""] * 4
    assert found["severity"] == 0
    changed = row(watched() | {"type": "MODIFIED"}, {"k8s.resource.name": "events"})
    assert changed["reason"] == "OOMKilling"


@pytest.mark.parametrize(
    ("told", "happened_s"),
    [
        ({"lastTimestamp": "2026-11-24T10:00:00Z"}, 0),
        ({"deprecatedLastTimestamp": "2026-11-24T10:00:00Z", "eventTime": None}, 0),
        ({"eventTime": "2026-11-24T10:00:00.250000Z"}, 0.25),
        (
            {
                "eventTime": "2026-11-24T10:00:00.250000Z",
                "series": {"lastObservedTime": "2026-11-24T10:05:00.000000Z"},
            },
            300,
        ),
        ({"lastTimestamp": "2026-11-24T11:00:01Z"}, 3600),  # not after it was seen
        ({"lastTimestamp": "yesterday"}, 3600),
        ({"lastTimestamp": "0001-01-01T00:00:00Z"}, 3600),
        ({"lastTimestamp": "2026-11-24T10:00:00"}, 3600),
        ({}, 3600),
    ],
)
def test_an_event_is_of_when_it_happened_and_not_of_when_it_was_seen(
    told: dict[str, Any], happened_s: float
) -> None:
    seen_unix_ns = (TEN + 3600) * S
    told = {key: text for key, text in told.items() if text is not None}
    found = row(watched(**told), {"k8s.resource.name": "events"}, time_unix_nano=seen_unix_ns)
    assert found["time_unix_ns"] == TEN * S + int(happened_s * S)


def test_what_is_no_event_stays_a_record() -> None:
    told = {"k8s.resource.name": "events"}
    for body, attributes in (
        (watched(kind="Pod"), told),
        (watched(), {"k8s.resource.name": "pods"}),
        ("a line", told),
        ({"object": "text"}, told),
        ("a line", {}),
    ):
        assert [row(body, attributes)[name] for name in EVENT] == [""] * 4


def test_a_map_that_is_broken_within_costs_nothing() -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=S)
    record.attributes.add(key="k8s.resource.name").value.string_value = "events"
    encoded = request.SerializeToString()
    broken = AnyValue(bytes_value=b"\x0a\xff").SerializeToString().replace(b"\x3a", b"\x32", 1)
    body = bytes([0x2A, len(broken)]) + broken
    at = encoded.index(record.SerializeToString())
    changed = bytearray(encoded[:at] + body + encoded[at:])
    changed[1] += len(body)
    changed[3] += len(body)
    changed[5] += len(body)
    decoded = decode("logs", [bytes(changed)], items_max=10)
    assert decoded.outcomes == ({},)
    assert decoded.rows.column("reason").to_pylist() == [""]


def test_an_exception_says_its_type_first_and_is_an_error() -> None:
    told = {"exception.type": "java.lang.IllegalStateException", "exception.message": "cart 7 gone"}
    found = row("could not check out", told)
    assert found["template"] == "java.lang.IllegalStateException: could not check out"
    assert found["severity"] == 17
    assert row("x", told, severity_number=9)["severity"] == 9
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=S)
    for key, text in told.items():
        record.attributes.add(key=key, value=value(text))
    rows = decode("logs", [request.SerializeToString()], items_max=10).rows
    assert rows.column("template").to_pylist() == ["java.lang.IllegalStateException: cart * gone"]
