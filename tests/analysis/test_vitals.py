"""What the detectors that remember are fed with: who spoke, who answered, usage, changes."""

from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from analysis.changes import Changes
from analysis.panes import build_pane
from analysis.recent import together
from analysis.settings import AnalysisSettings
from analysis.slices import Batch, TelemetrySlice
from analysis.usage import STALE_S, Usage
from knowledge.cluster import ClusterReport, Revision, Workload
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.schemas import METRICS
from knowledge.windows import WindowTables

S = 10**9


def test_recent_tells_who_spoke_and_whose_calls_nobody_answered(spans: Any) -> None:
    for index in range(4):
        trace = index.to_bytes(16, "big")
        root = spans.add("front", 0, 100, trace=trace)
        call = spans.add("front", 10, 90, kind=3, parent=root, trace=trace, peer="cart.svc")
        if index:
            spans.add("cart", 20, 80, parent=call, trace=trace)
        spans.add("front", 10, 90, kind=3, parent=root, trace=trace, peer="mail", error=True)
    pane = build_pane(spans.slice(5), start_unix_ns=0, linked_span_count_max=10**6)
    rows = {(r["service"], r["peer"]): r for r in together([pane.recent]).iter_rows(named=True)}
    assert rows["front", ""]["served_count"] == 4
    assert rows["cart", "cart.svc"]["answered_count"] == 3
    assert rows["", "cart.svc"]["call_count"] == 1
    assert rows["", "cart.svc"]["lost_count"] == 0
    assert rows["", "mail"]["lost_count"] == 4


def _points(*points: tuple[str, str, float, int]) -> TelemetrySlice:
    """(metric, pod, value, seconds)"""
    blank: dict[str, Any] = dict.fromkeys(METRICS.names)
    blank |= {"service": "cart", "namespace": "shop", "unit": "", "type": "gauge"}
    blank |= {"version": "", "pod_uid": "", "principal": ""}
    rows = [
        blank | {"name": name, "pod": pod, "value": value, "time_unix_ns": at_s * S}
        for name, pod, value, at_s in points
    ]
    table = pa.table({f.name: pa.array([r[f.name] for r in rows], f.type) for f in METRICS})
    times = [at_s * S for *_, at_s in points]
    batch = Batch(rows=table, oldest_unix_ns=min(times), newest_unix_ns=max(times))
    return TelemetrySlice(
        signal="metrics", start_unix_ns=0, end_unix_ns=max(times) + 1, batches=(batch,)
    )


def test_usage_has_the_newest_reading_of_each_pod_under_old_and_new_names() -> None:
    points = _points(
        ("k8s.pod.cpu_limit_utilization", "a", 0.4, 10),
        ("k8s.pod.cpu_limit_utilization", "a", 0.6, 20),
        ("k8s.container.memory.limit.utilization", "a", 0.7, 20),
        ("process.memory.usage", "b", 1e6, 20),
        ("something.else", "b", 1.0, 20),
    )
    _, table = Usage().advance(points)
    rows = {row["pod"]: row for row in table.iter_rows(named=True)}
    assert (rows["a"]["cpu_ratio"], rows["a"]["memory_ratio"]) == (0.6, 0.7)
    assert (rows["b"]["cpu_ratio"], rows["b"]["memory_bytes"]) == (None, 1e6)


def test_usage_of_a_pod_that_says_no_more_is_let_go() -> None:
    usage, _ = Usage().advance(_points(("k8s.pod.cpu_limit_utilization", "a", 0.4, 10)))
    later = 11 + int(STALE_S)
    _, table = usage.advance(_points(("k8s.pod.cpu_limit_utilization", "b", 0.4, later)))
    assert table["pod"].to_list() == ["b"]


def _report(revision: int, replicas: int) -> ClusterReport:
    releases = tuple(
        Revision(number=n, version=f"v{n}", created_unix_ns=n * 100 * S) for n in (1, 2)
    )
    workload = Workload(
        key=WorkloadKey(namespace="shop", kind="Deployment", name="cart", uid="w"),
        resource_version="1",
        replicas=replicas,
        ready_replicas=replicas,
        strategy="RollingUpdate",
        revisions=releases,
        revision=revision,
        is_rolling=False,
        is_opted_in=True,
        steered_by=None,
        replicas_max=9,
    )
    return ClusterReport(observed_unix_ns=210 * S, workloads=(workload,), pods=())


def _instances(version: str) -> WindowTables:
    empty = WindowTables.empty(0, 210 * S)
    row = {
        "namespace": "shop",
        "service": "cart",
        "version": version,
        "pod": "p",
        "pod_uid": "u",
        "span_count": 1,
        "error_count": 0,
        "latency_ms_mean": 1.0,
        "own_error_count": 0,
    }
    return replace(empty, instances=pl.DataFrame([row], schema=empty.instances.schema))


@pytest.mark.parametrize(
    ("revision", "replicas", "version", "kinds"),
    [
        (1, 2, "v1", []),
        (2, 2, "v1", ["release"]),
        (1, 4, "v1", ["scale"]),
        (1, 2, "v2", ["version"]),
    ],
)
def test_what_differs_from_the_look_before_is_a_change(
    revision: int, replicas: int, version: str, kinds: list[str]
) -> None:
    settings, now = AnalysisSettings(), 210 * S
    first = Changes().after(_instances("v1"), _report(1, 2), settings, now_unix_ns=now)
    assert first.events == ()
    after = first.after(_instances(version), _report(revision, replicas), settings, now_unix_ns=now)
    assert [event.kind for event in after.events] == kinds
    cart = ServiceKey(namespace="shop", name="cart")
    workloads = {cart: _report(1, 2).workloads[0].key}
    assert len(after.concerning((cart,), workloads)) == len(kinds)
    later = after.after(_instances(version), None, settings, now_unix_ns=now + 2000 * S)
    assert later.events == ()
