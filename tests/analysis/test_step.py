"""From windows to issues: the faulty callee is named, not its callers; silence acts on nothing."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.panes import build_pane
from analysis.settings import AnalysisSettings
from analysis.step import AnalysisOutput, AnalysisState, step
from analysis.windows import combine
from knowledge.cluster import ClusterReport, Pod, Revision, Workload
from knowledge.identity import WorkloadKey
from knowledge.windows import Gap, WindowTables, gaps_table

SETTINGS = AnalysisSettings(window_s=5, pane_s=5, lateness_s=0, retention_s=60)
SECOND_NS = 10**9


def _window(spans: Any) -> WindowTables:
    pane = build_pane(spans.slice(5), start_unix_ns=0, linked_span_count_max=10**6)
    return combine((pane,), start_unix_ns=0, end_unix_ns=5 * SECOND_NS)


def _shop(
    spans: Any, *, middle_ms: float = 5, back_ms: float = 10, back_fails: bool = False
) -> Any:
    """100 requests: front calls middle, middle calls back; all else is the same each time."""
    for index in range(100):
        trace = index.to_bytes(16, "big")
        failed = back_fails and index % 2 == 0
        end = 20 + middle_ms + back_ms
        root = spans.add("front", 0, end, trace=trace, error=failed)
        call = spans.add("front", 5, end - 5, kind=3, parent=root, trace=trace, error=failed)
        middle = spans.add("middle", 6, end - 6, parent=call, trace=trace, error=failed)
        begin = 6 + middle_ms
        call = spans.add("middle", begin, end - 7, kind=3, parent=middle, trace=trace, error=failed)
        spans.add("back", begin + 1, end - 8, parent=call, trace=trace, error=failed)
    return spans


def _report(*, release_age_s: float = 10**6, cpu_ratio: float = 0.3) -> ClusterReport:
    workloads, pods = [], []
    for name in ("front", "middle", "back"):
        key = WorkloadKey(namespace="shop", kind="Deployment", name=name, uid=f"w-{name}")
        created = int((1000 - release_age_s) * SECOND_NS)
        release = Revision(number=2, version="2", created_unix_ns=created)
        workloads.append(
            Workload(
                key=key,
                resource_version="1",
                replicas=1,
                ready_replicas=1,
                strategy="RollingUpdate",
                revisions=(release,),
                revision=2,
                is_rolling=False,
                is_opted_in=True,
                steered_by=None,
                replicas_max=10,
            )
        )
        pods.append(
            Pod(
                name=f"{name}-0",
                uid=f"uid-{name}",
                workload=key,
                revision=2,
                ready=True,
                restart_count=0,
                oom_killed=False,
                started_unix_ns=0,
                cpu_ratio=cpu_ratio,
                memory_ratio=0.3,
                probe="ok",
            )
        )
    return ClusterReport(observed_unix_ns=0, workloads=tuple(workloads), pods=tuple(pods))


def _look(
    state: AnalysisState, tables: WindowTables, at: int, report: ClusterReport | None = None
) -> tuple[AnalysisState, AnalysisOutput]:
    tables = replace(tables, start_unix_ns=(at - 5) * SECOND_NS, end_unix_ns=at * SECOND_NS)
    return step(
        state,
        tables,
        report or _report(),
        frozenset(),
        settings=SETTINGS,
        now_unix_ns=at * SECOND_NS,
    )


@pytest.fixture
def warm(new_spans: Any) -> AnalysisState:
    state, tables = AnalysisState(), _window(_shop(new_spans()))
    for index in range(10):
        state, output = _look(state, tables, 1000 + 5 * index)
    assert output.is_warm
    assert output.issues == ()
    return state


def test_a_slow_callee_is_named_and_its_waiting_callers_are_not(
    warm: AnalysisState, new_spans: Any
) -> None:
    sick = _window(_shop(new_spans(), back_ms=2000))
    state, output = _look(warm, sick, 1055)
    assert [issue.state for issue in output.issues] == ["pending"]
    state, output = _look(state, sick, 1060)
    (issue,) = output.issues
    assert issue.state == "firing"
    assert issue.service.name == "front"
    assert issue.finding == "cause"
    assert (issue.causes[0].service.name, issue.causes[0].kind) == ("back", "slow")
    assert issue.causes[0].explains_ratio > 0.9
    workload = issue.causes[0].workload
    assert workload is not None
    assert workload.name == "back"
    assert issue.kind == "PerformanceDegradation"


def test_a_failing_callee_is_named_while_its_callers_look_just_as_sick(
    warm: AnalysisState, new_spans: Any
) -> None:
    _, output = _look(warm, _window(_shop(new_spans(), back_fails=True)), 1055)
    (issue,) = output.issues
    sick = {s.service.name for s in output.symptoms if s.health == "unhealthy"}
    assert sick == {"front", "middle", "back"}
    assert (issue.causes[0].service.name, issue.causes[0].kind) == ("back", "failing")
    assert issue.kind == "ServiceFailure"


def test_two_culprits_are_several_causes(warm: AnalysisState, new_spans: Any) -> None:
    _, output = _look(warm, _window(_shop(new_spans(), middle_ms=2000, back_ms=2000)), 1055)
    assert output.issues[0].finding == "several causes"


def test_a_slow_callee_that_nobody_named_is_no_ground_to_blame_another(
    warm: AnalysisState, new_spans: Any
) -> None:
    spans = _shop(new_spans(), back_ms=12)
    for index in range(100):  # the same requests, with a wait for a database without a name
        trace = index.to_bytes(16, "big")
        root = spans.rows[5 * index]
        root["end_unix_ns"] += 2000 * 10**6
        begin = root["end_unix_ns"] / 1e6 - 2000
        spans.add("front", begin, begin + 2000, kind=3, parent=root["span_id"], trace=trace)
    _, output = _look(warm, _window(spans), 1055)
    (issue,) = output.issues
    assert issue.finding == "no cause in view"


def test_fewer_requests_are_no_recovery(warm: AnalysisState, new_spans: Any) -> None:
    sick = _window(_shop(new_spans(), back_ms=2000))
    state, _ = _look(warm, sick, 1055)
    state, _ = _look(state, sick, 1060)
    few = _shop(new_spans(), back_ms=2000)
    few.rows = few.rows[: 5 * 20]
    for index in range(10):
        state, output = _look(state, _window(few), 1065 + 5 * index)
    assert output.issues[0].state == "firing"
    assert state.baselines == warm.baselines


def test_without_a_baseline_slowness_has_no_cause_in_view(new_spans: Any) -> None:
    _, output = _look(AnalysisState(), _window(_shop(new_spans(), back_ms=2000)), 1000)
    assert output.issues[0].finding == "no cause in view"


def test_a_new_release_at_the_cause_makes_it_a_configuration_error(
    warm: AnalysisState, new_spans: Any
) -> None:
    sick = _window(_shop(new_spans(), back_fails=True))
    _, output = _look(warm, sick, 1055, _report(release_age_s=-50))
    assert output.issues[0].kind == "ConfigurationError"


def test_pods_at_their_limit_make_it_resource_exhaustion(
    warm: AnalysisState, new_spans: Any
) -> None:
    sick = _window(_shop(new_spans(), back_ms=2000))
    _, output = _look(warm, sick, 1055, _report(cpu_ratio=1.0))
    assert output.issues[0].kind == "ResourceExhaustion"


def test_an_issue_never_becomes_its_own_normal(warm: AnalysisState, new_spans: Any) -> None:
    state, sick = warm, _window(_shop(new_spans(), back_ms=2000))
    for index in range(300):
        state, output = _look(state, sick, 1055 + 5 * index)
    assert state.baselines == warm.baselines
    assert output.issues[0].state == "firing"


GAPS = gaps_table((Gap(start_unix_ns=0, end_unix_ns=10**18, reason="a disk"),))


def test_in_a_window_with_a_gap_nothing_is_known_nothing_opens_and_nothing_is_learned(
    warm: AnalysisState, new_spans: Any
) -> None:
    state, sick = warm, _window(_shop(new_spans(), back_ms=2000, back_fails=True))
    for index in range(50):
        state, output = _look(state, replace(sick, gaps=GAPS), 1055 + 5 * index)
        assert {symptom.health for symptom in output.symptoms} == {"unknown"}
        assert all("a disk" in symptom.evidence[0] for symptom in output.symptoms)
    assert output.issues == ()
    assert state.baselines == warm.baselines
    state, output = _look(state, sick, 1310)
    assert output.issues[0].state == "pending"


def test_a_gap_neither_fires_nor_resolves_what_is_open(warm: AnalysisState, new_spans: Any) -> None:
    sick, well = _window(_shop(new_spans(), back_ms=2000)), _window(_shop(new_spans()))
    state, output = _look(warm, sick, 1055)
    assert output.issues[0].state == "pending"
    for index in range(20):
        tables = sick if index % 2 else well
        state, output = _look(state, replace(tables, gaps=GAPS), 1060 + 5 * index)
    assert output.issues[0].state == "pending"


def test_silence_neither_opens_nor_resolves(warm: AnalysisState, new_spans: Any) -> None:
    sick = _window(_shop(new_spans(), back_ms=2000))
    state, _ = _look(warm, sick, 1055)
    state, _ = _look(state, sick, 1060)
    for index in range(50):
        state, output = _look(state, _window(new_spans()), 1065 + 5 * index)
    assert output.issues[0].state == "firing"
    assert output.issues[0].causes[0].service.name == "back"


def test_an_inner_service_opens_no_issue_of_its_own(warm: AnalysisState, new_spans: Any) -> None:
    spans = _shop(new_spans(), back_fails=True)
    for index in range(5):  # health checks, and a request whose caller is not in view yet
        spans.add("back", 0, 10, trace=(1000 + index).to_bytes(16, "big"), error=True)
    _, output = _look(warm, _window(spans), 1055)
    assert [issue.service.name for issue in output.issues] == ["front"]


def test_a_pod_that_the_cluster_does_not_know_gives_no_workload(
    warm: AnalysisState, new_spans: Any
) -> None:
    nothing = ClusterReport(observed_unix_ns=0, workloads=(), pods=())
    _, output = _look(warm, _window(_shop(new_spans(), back_ms=2000)), 1055, nothing)
    assert output.issues[0].causes[0].workload is None
