"""One issue for each cause: grouped, absorbed, told apart, and never acted on unless it is felt."""

from dataclasses import replace

import polars as pl
import pytest

from analysis.baselines import Baselines
from analysis.changes import Changes
from analysis.issues import Seen, follow
from analysis.settings import AnalysisSettings
from analysis.topology import Callees
from knowledge.cluster import ClusterReport, Pod
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import ChangeEvent, Health, Issue, Symptom, SymptomKind
from knowledge.windows import WindowTables

S = 10**9
SETTINGS = AnalysisSettings(hold_s=5, resolve_hold_s=5)


def key(name: str) -> ServiceKey:
    return ServiceKey(namespace="shop", name=name)


def workload(name: str) -> WorkloadKey:
    return WorkloadKey(namespace="shop", kind="Deployment", name=name, uid=f"w-{name}")


def symptom(
    name: str,
    kind: SymptomKind,
    health: Health = "unhealthy",
    *,
    is_entry: bool = False,
    rule: str = "",
) -> Symptom:
    return Symptom(
        kind=kind,
        service=key(name),
        health=health,
        value=1.0,
        limit=0.5,
        baseline=None,
        unit="",
        sample_count=100,
        is_entry=is_entry,
        evidence=(f"{kind} at {name}",),
        exemplars=(),
        rule=rule,
    )


def failing(name: str, health: Health = "unhealthy") -> Symptom:
    return symptom(name, "HighErrorRate", health, is_entry=True)


def tables(**blamed: str) -> WindowTables:
    """Failures of each entry end at one service."""
    empty = WindowTables.empty(0, 60 * S)
    rows = [
        {
            "entry_namespace": "shop",
            "entry": entry,
            "namespace": "shop",
            "service": culprit,
            "tail_ms_per_request": 0.0,
            "failed_count": 50.0,
        }
        for entry, culprit in blamed.items()
    ]
    return replace(empty, blame=pl.DataFrame(rows, schema=empty.blame.schema))


def look(
    issues: tuple[Issue, ...],
    at_s: int,
    *symptoms: Symptom,
    window: WindowTables | None = None,
    cluster: ClusterReport | None = None,
    callees: Callees | None = None,
    changes: Changes | None = None,
    changing: frozenset[WorkloadKey] = frozenset(),
) -> tuple[Issue, ...]:
    names = ("web", "app", "cart", "database")
    seen = Seen(
        symptoms=symptoms,
        tables=window or tables(),
        baselines=Baselines(),
        cluster=cluster,
        workloads={key(name): workload(name) for name in names},
        callees=callees or Callees(),
        changes=changes or Changes(),
        changing=changing,
        diagnoses={},
        now_unix_ns=at_s * S,
    )
    return follow(issues, seen, SETTINGS)


def active(issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
    return tuple(issue for issue in issues if issue.state != "resolved")


def test_many_entries_that_fail_because_of_one_service_are_one_issue() -> None:
    names = [f"entry-{index}" for index in range(50)]
    window = tables(**dict.fromkeys(names, "database"))
    issues = look((), 0, *(failing(name) for name in names), window=window)
    (issue,) = look(issues, 10, *(failing(name) for name in names), window=window)
    assert issue.state == "firing"
    assert issue.causes[0].service == key("database")
    assert set(issue.affected) == {key(name) for name in names}


def test_entries_with_causes_of_their_own_stay_apart() -> None:
    window = tables(web="cart", app="database")
    issues = look((), 0, failing("web"), failing("app"), window=window)
    assert {issue.causes[0].service.name for issue in issues} == {"cart", "database"}


def test_an_entry_that_joins_later_joins_the_issue() -> None:
    window = tables(web="database", app="database")
    issues = look((), 0, failing("web"), window=window)
    issues = look(issues, 10, failing("web"), window=window)
    issues = look(issues, 20, failing("web"), failing("app"), window=window)
    (issue,) = issues
    assert issue.affected == (key("web"), key("app"))
    assert len(issue.symptoms) == 2


def test_a_grouped_issue_is_over_only_when_all_are_well() -> None:
    window = tables(web="database", app="database")
    issues = look((), 0, failing("web"), failing("app"), window=window)
    issues = look(issues, 10, failing("web"), failing("app"), window=window)
    for at_s in (20, 30):
        issues = look(issues, at_s, failing("web", "healthy"), failing("app"), window=window)
    assert issues[0].state == "firing"
    for at_s in (40, 50):
        well = failing("web", "healthy"), failing("app", "healthy")
        issues = look(issues, at_s, *well, window=window)
    assert issues[0].state == "resolved"


def test_a_dead_service_and_its_failing_users_are_one_issue_whichever_came_first() -> None:
    down, window = symptom("cart", "ServiceDown"), tables(web="cart")
    first_down = look((), 0, down)
    first_down = look(first_down, 10, down)
    both = active(look(first_down, 20, down, failing("web"), window=window))
    assert len(both) == 1
    assert key("web") in both[0].affected
    first_felt = look((), 0, failing("web"), window=window)
    first_felt = look(first_felt, 10, failing("web"), window=window)
    (issue,) = look(first_felt, 20, failing("web"), down, window=window)
    assert {s.kind for s in issue.symptoms} == {"HighErrorRate", "ServiceDown"}
    assert issue.kind == "ServiceFailure"


def test_a_service_that_is_down_with_its_callee_is_not_the_cause() -> None:
    callees = Callees(by_caller={key("cart"): frozenset({key("database")})})
    down = symptom("cart", "ServiceDown"), symptom("database", "ServiceDown")
    (issue,) = look((), 0, *down, callees=callees)
    assert issue.causes[0].service == key("database")


@pytest.mark.parametrize("kind", ["HighResourceUsage", "MemoryLeak", "Custom"])
def test_what_nobody_feels_is_told_and_has_no_cause_to_act_on(kind: SymptomKind) -> None:
    (issue,) = look((), 0, symptom("cart", kind))
    assert issue.finding == "felt by nobody"
    assert issue.severity == "warning"
    assert issue.causes[0].service == key("cart")
    assert issue.causes[0].arrival_ratio is None


@pytest.mark.parametrize(("ratio", "finding"), [(0.95, "cause"), (0.5, "felt by nobody")])
def test_a_leak_has_a_cause_to_act_on_only_where_the_cluster_sees_full_pods(
    ratio: float, finding: str
) -> None:
    pod = Pod(
        name="cart-0",
        uid="p",
        workload=workload("cart"),
        revision=1,
        ready=True,
        restart_count=0,
        oom_killed=False,
        started_unix_ns=0,
        cpu_ratio=None,
        memory_ratio=ratio,
        probe="unknown",
    )
    report = ClusterReport(observed_unix_ns=0, workloads=(), pods=(pod,))
    (issue,) = look((), 0, symptom("cart", "MemoryLeak"), cluster=report)
    assert issue.finding == finding


def test_users_decide_when_it_is_over_not_the_usage_that_stays_high() -> None:
    busy, window = symptom("cart", "HighResourceUsage", rule="cpu"), tables(web="cart")
    issues = look((), 0, failing("web"), busy, window=window)
    issues = look(issues, 10, failing("web"), busy, window=window)
    assert len(active(issues)) == 1
    for at_s in (20, 30):
        issues = look(issues, at_s, failing("web", "healthy"), busy)
    assert [i.state for i in issues if i.service == key("web")] == ["resolved"]


def test_a_firing_issue_whose_treatment_is_under_way_is_not_taken_from_it() -> None:
    window = tables(web="cart", app="database")
    both = failing("web"), failing("app")
    issues = look((), 0, *both, window=window)
    issues = look(issues, 10, *both, window=window)
    moved = tables(web="cart", app="cart")
    changing = frozenset({workload("cart")})
    assert len(active(look(issues, 20, *both, window=moved, changing=changing))) == 2
    merged = look(issues, 20, *both, window=moved)
    assert len(active(merged)) == 1
    assert "one with" in next(i.reason for i in merged if i.state == "resolved")


def test_an_issue_shows_what_was_changed_at_its_cause() -> None:
    def event(name: str) -> ChangeEvent:
        text = f"{name} went to release 2"
        return ChangeEvent(unix_ns=0, kind="release", subject=str(workload(name)), text=text)

    changes = Changes(events=(event("cart"), event("database")))
    (issue,) = look((), 0, failing("web"), window=tables(web="cart"), changes=changes)
    assert [change.text for change in issue.changes] == ["cart went to release 2"]


def test_a_critical_service_is_critical_sooner() -> None:
    settings = replace(SETTINGS, criticality={"shop/web": "critical"})
    seen_by: list[str] = []
    for chosen in (SETTINGS, settings):
        seen = Seen(
            symptoms=(failing("web"),),
            tables=tables(web="cart"),
            baselines=Baselines(),
            cluster=None,
            workloads={},
            callees=Callees(),
            changes=Changes(),
            changing=frozenset(),
            diagnoses={},
            now_unix_ns=0,
        )
        seen_by.append(follow((), seen, chosen)[0].severity)
    assert seen_by == ["warning", "critical"]


def test_unknown_neither_opens_nor_ends_an_issue() -> None:
    assert look((), 0, symptom("cart", "ServiceDown", "unknown")) == ()
    issues = look((), 0, symptom("cart", "ServiceDown"))
    issues = look(issues, 10, symptom("cart", "ServiceDown"))
    for at_s in (20, 30, 40):
        issues = look(issues, at_s, symptom("cart", "ServiceDown", "unknown"))
    assert issues[0].state == "firing"


def test_usage_that_lingers_below_its_limit_opens_nothing() -> None:
    lingering = replace(symptom("cart", "HighResourceUsage"), value=0.85, limit=0.9)
    assert look((), 0, lingering) == ()
    assert len(look((), 0, replace(lingering, value=0.95))) == 1
