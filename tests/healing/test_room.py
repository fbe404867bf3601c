"""Room: for pods that are added, in what they call, and for those that are missing meanwhile."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from healing.guards import check
from healing.state import HealingState
from healing.step import step
from knowledge.cluster import Pod, Restart, Workload
from knowledge.identity import WorkloadKey
from knowledge.plans import Refused
from knowledge.schemas import EDGES, INSTANCES

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS
TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")
STORE = WorkloadKey(namespace="shop", kind="Deployment", name="store", uid="w-store")


def _refusal(asked: Any) -> str:
    answer = check(asked)
    return answer.guard if isinstance(answer, Refused) else "approved"


@pytest.mark.parametrize(("room", "guard"), [(None, "approved"), (2, "approved"), (1, "headroom")])
def test_there_is_room_for_what_is_added(world: Any, room: int | None, guard: str) -> None:
    world.workload = replace(world.workload, room=room)
    assert _refusal(world.asked()) == guard


def _calling(world: Any, usage: float | None) -> Any:
    """The target calls a store whose pods are as busy as that."""
    asked = world.asked()
    cluster = asked.situation.cluster
    store = replace(world.workload, key=STORE)
    pod: Pod = replace(world.pod, uid="p-store", workload=STORE, cpu_ratio=usage)
    row: dict[str, Any] = dict.fromkeys(INSTANCES.names, 1)
    rows = [
        {**row, "namespace": "shop", "service": "back", "pod_uid": "p-0", "version": "", "pod": ""},
        {
            **row,
            "namespace": "shop",
            "service": "store",
            "pod_uid": "p-store",
            "version": "",
            "pod": "",
        },
    ]
    edge = {
        **dict.fromkeys(EDGES.names, 1),
        "caller_namespace": "shop",
        "caller": "back",
        "callee_namespace": "shop",
        "callee": "store",
    }
    floats = [field.name for field in INSTANCES if str(field.type) == "double"]
    tables = replace(
        asked.situation.tables,
        instances=pl.DataFrame(rows).with_columns(pl.col(floats).cast(pl.Float64)),
        edges=pl.DataFrame([edge]).with_columns(
            pl.col("latency_ms_p99", "gap_ms_mean").cast(pl.Float64)
        ),
    )
    situation = replace(
        asked.situation,
        tables=tables,
        cluster=replace(cluster, workloads=(*cluster.workloads, store), pods=(*cluster.pods, pod)),
    )
    return replace(asked, situation=situation)


@pytest.mark.parametrize(
    ("usage", "guard"), [(0.3, "approved"), (None, "approved"), (0.9, "callees bear more")]
)
def test_what_it_calls_can_bear_more(world: Any, usage: float | None, guard: str) -> None:
    assert _refusal(_calling(world, usage)) == guard


@pytest.mark.parametrize(("missing", "guard"), [(2, "approved"), (3, "few unavailable")])
def test_pods_that_are_missing_elsewhere_count(world: Any, missing: int, guard: str) -> None:
    asked = world.asked(change=Restart(target=TARGET))
    other: Workload = replace(world.workload, key=STORE, replicas=5, ready_replicas=5 - missing)
    cluster = asked.situation.cluster
    situation = replace(
        asked.situation, cluster=replace(cluster, workloads=(*cluster.workloads, other))
    )
    assert _refusal(replace(asked, situation=situation)) == guard


def test_the_pods_of_the_patient_itself_do_not_count(world: Any) -> None:
    world.workload = replace(world.workload, replicas=9, ready_replicas=0)
    assert _refusal(world.asked(change=Restart(target=TARGET))) == "approved"


def test_who_just_came_up_changes_nothing_yet(world: Any) -> None:
    world.cause = replace(world.cause, arrival_ratio=2.4)
    world.pod = replace(world.pod, cpu_ratio=1.0)
    state = HealingState(started_unix_ns=NOW - 59 * SECOND_NS)
    _, output = step(state, world.situation(), (), settings=world.settings, is_planning_due=True)
    assert [refusal.guard for refusal in output.refused] == ["quarantine"]
    world.now_unix_ns = NOW + SECOND_NS
    _, output = step(state, world.situation(), (), settings=world.settings, is_planning_due=True)
    assert output.refused == ()
