"""One issue, one cluster, and the situation around them; each test bends one thing."""

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
import pytest

from healing.guards.asked import Asked
from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from knowledge.cluster import Boost, Change, ClusterReport, Pod, Restart, Revision, Scale, Workload
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Cause, Issue, Symptom
from knowledge.plans import Expectation, Fact, RecoveryPlan
from knowledge.schemas import INSTANCES
from knowledge.windows import Freshness, Gap, WindowTables, gaps_table

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS
FRONT = ServiceKey(namespace="shop", name="front")
BACK = ServiceKey(namespace="shop", name="back")
TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")


@dataclass
class World:
    """All that healing sees, with a healthy default; `with_*` bend it."""

    now_unix_ns: int = NOW
    settings: HealingSettings = field(
        default_factory=lambda: HealingSettings(namespaces={"shop": "auto"})
    )
    workload: Workload = field(
        default_factory=lambda: Workload(
            key=TARGET,
            resource_version="7",
            replicas=2,
            ready_replicas=2,
            strategy="RollingUpdate",
            revisions=(
                Revision(number=1, version="1.0", created_unix_ns=0),
                Revision(number=2, version="1.1", created_unix_ns=1),
            ),
            revision=2,
            is_rolling=False,
            is_opted_in=True,
            steered_by=None,
            replicas_max=10,
        )
    )
    pod: Pod = field(
        default_factory=lambda: Pod(
            name="back-0",
            uid="p-0",
            workload=TARGET,
            revision=2,
            ready=True,
            restart_count=0,
            oom_killed=False,
            started_unix_ns=0,
            cpu_ratio=0.3,
            memory_ratio=0.3,
            probe="ok",
        )
    )
    pods: tuple[Pod, ...] | None = None
    cause: Cause = field(
        default_factory=lambda: Cause(
            service=BACK,
            workload=TARGET,
            kind="slow",
            explains_ratio=0.9,
            confidence=0.9,
            arrival_ratio=1.0,
            evidence=(),
        )
    )
    issue_changes: dict[str, Any] = field(default_factory=dict)
    symptoms: tuple[Symptom, ...] = field(default_factory=lambda: (symptom(2000.0),))
    trace_age_s: float | None = 1.0
    is_warm: bool = True
    gaps: tuple[Gap, ...] = ()
    report_age_s: float = 0.0
    has_cluster: bool = True
    is_gone: bool = False
    instances: tuple[dict[str, Any], ...] = ()

    def issue(self) -> Issue:
        """A firing issue on the front, caused by the back."""
        base = Issue(
            id="issue-1",
            kind="PerformanceDegradation",
            state="firing",
            severity="critical",
            service=FRONT,
            opened_unix_ns=NOW - 20 * SECOND_NS,
            fired_unix_ns=NOW - 10 * SECOND_NS,
            resolved_unix_ns=None,
            healthy_since_unix_ns=None,
            seen_unix_ns=NOW,
            symptoms=(symptom(2000.0),),
            finding="cause",
            causes=(self.cause,),
        )
        return replace(base, **self.issue_changes)

    def report(self) -> ClusterReport:
        """The cluster's own word."""
        observed = self.now_unix_ns - int(self.report_age_s * SECOND_NS)
        pods = (self.pod, replace(self.pod, name="back-1", uid="p-1"))
        return ClusterReport(
            observed_unix_ns=observed,
            workloads=() if self.is_gone else (self.workload,),
            pods=pods if self.pods is None else self.pods,
        )

    def situation(self) -> Situation:
        """The picture of this moment."""
        tables = WindowTables.empty(self.now_unix_ns - 15 * SECOND_NS, self.now_unix_ns)
        tables = replace(tables, gaps=gaps_table(self.gaps))
        if self.instances:
            names = {name: [row[name] for row in self.instances] for name in INSTANCES.names}
            tables = replace(tables, instances=pl.DataFrame(names))
        return Situation(
            now_unix_ns=self.now_unix_ns,
            issues=(self.issue(),),
            symptoms=self.symptoms,
            tables=tables,
            freshness=(Freshness(signal="traces", age_s=self.trace_age_s, rows=1),),
            cluster=self.report() if self.has_cluster else None,
            is_warm=self.is_warm,
        )

    def asked(
        self,
        *,
        change: Change | None = None,
        facts: tuple[Fact, ...] | None = None,
        ledger: Ledger | None = None,
        in_flight: int = 0,
        volumes: tuple[tuple[int, int], ...] = (),
    ) -> Asked:
        """The question that guards are asked, about scaling the back from 2 to 4."""
        change = change or Scale(target=TARGET, replicas=4, replicas_before=2)
        hard = Fact(source="api", text="pods at their limit")
        plan = RecoveryPlan(
            id="plan-1",
            issue_id="issue-1",
            cause=BACK,
            change=change,
            undo=None,
            facts=facts or (Fact(source="telemetry", text="arrival grew"), hard, hard),
            expected=Expectation(service=FRONT, text="well", deadline_unix_ns=NOW + 10**12),
            created_unix_ns=NOW,
            expires_unix_ns=NOW + 60 * SECOND_NS,
        )
        return Asked(
            plan=plan,
            change=change,
            intent_id="",
            situation=self.situation(),
            ledger=ledger or Ledger(),
            in_flight=in_flight,
            volumes=volumes,
            settings=self.settings,
        )


def symptom(value: float, *, health: str = "unhealthy", service: ServiceKey = FRONT) -> Symptom:
    """A latency reading."""
    return Symptom(
        kind="HighLatency",
        service=service,
        health=health,  # type: ignore[arg-type]  # tests name it as text
        value=value,
        limit=1000.0,
        baseline=50.0,
        unit="ms",
        sample_count=100,
        is_entry=True,
        evidence=(),
        exemplars=(),
    )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def restart() -> Restart:
    return Restart(target=TARGET)


@pytest.fixture
def reading() -> Any:
    return symptom


def boost(*, since_s: float = 600.0, left_s: float = 600.0, of: Any = "replicas") -> Boost:
    return Boost(
        action_id="act-1",
        of=of,
        before=2,
        after=4,
        since_unix_ns=NOW - int(since_s * SECOND_NS),
        expires_unix_ns=NOW + int(left_s * SECOND_NS),
    )


@pytest.fixture
def boosted(world: Any) -> Any:
    """Four pods at a quarter of their limit, where two had been enough; nothing is wrong."""
    world.workload = replace(world.workload, replicas=4, ready_replicas=4, boost=boost())
    world.pods = tuple(replace(world.pod, name=f"back-{i}", uid=f"p-{i}") for i in range(4))
    world.pods = tuple(replace(pod, cpu_ratio=0.25) for pod in world.pods)
    return world


def calm(world: Any) -> Situation:
    found: Situation = world.situation()
    return replace(found, issues=(), symptoms=())
