"""What Kubernetes itself says stands beside an issue, once, at the service that it concerns."""

from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa

from analysis.changes import Changes
from analysis.events import events_of
from analysis.settings import AnalysisSettings
from analysis.slices import Batch, TelemetrySlice
from knowledge.identity import ServiceKey
from knowledge.schemas import LOGS
from knowledge.windows import WindowTables

S = 10**9
CART = ServiceKey(namespace="shop", name="cart")


def record(time_s: int, reason: str, name: str, **more: Any) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(LOGS.names, "") | {"trace_id": b"", "span_id": b""}
    return blank | {
        "time_unix_ns": time_s * S,
        "severity": 13,
        "template": f"{reason}: it is so",
        "reason": reason,
        "object_namespace": "shop",
        "object_kind": "Pod",
        "object_name": name,
        "is_verified": False,
        **more,
    }


def tables(*records: dict[str, Any]) -> WindowTables:
    rows = pa.Table.from_pylist(list(records), LOGS)
    part = TelemetrySlice(
        signal="logs",
        start_unix_ns=0,
        end_unix_ns=100 * S,
        batches=(Batch(rows=rows, oldest_unix_ns=0, newest_unix_ns=99 * S),),
    )
    empty = WindowTables.empty(0, 100 * S)
    blank = {n: 0 if t.is_numeric() else "" for n, t in empty.instances.schema.items()}
    pod = blank | {"namespace": "shop", "service": "cart", "pod": "cart-1"}
    instances = pl.DataFrame([pod], schema=empty.instances.schema)
    return replace(empty, events=events_of(part), instances=instances)


def told(*records: dict[str, Any]) -> list[tuple[int, str]]:
    changes = Changes().after(tables(*records), None, AnalysisSettings(), now_unix_ns=100 * S)
    return [(c.unix_ns // S, c.text) for c in changes.concerning((CART,), {})]


def test_a_warning_of_a_pod_is_told_of_its_service_the_newest_of_the_same_only() -> None:
    found = told(
        record(10, "BackOff", "cart-1"),
        record(20, "BackOff", "cart-1"),
        record(15, "OOMKilling", "cart-1"),
        record(15, "OOMKilling", "back-1"),
    )
    assert found == [
        (20, "Pod shop/cart-1: BackOff: it is so"),
        (15, "Pod shop/cart-1: OOMKilling: it is so"),
    ]


def test_what_is_normal_is_told_only_where_it_is_a_change() -> None:
    usual = {"severity": 9}
    assert told(record(10, "Pulled", "cart-1", **usual)) == []
    assert len(told(record(10, "ScalingReplicaSet", "cart-1", **usual))) == 1


def test_records_that_are_no_events_are_none() -> None:
    assert tables(record(10, "", "cart-1")).events.is_empty()
    assert events_of(None).is_empty()
