"""ServiceDown: the dead are told from the silent, and nobody is declared dead for lack of data."""

from dataclasses import replace

import polars as pl
import pytest

from analysis.detectors.absence import STARTING_S, Presences, detect_absence
from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport, Pod, Probe, Revision, Workload
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Symptom
from knowledge.windows import WindowTables

S = 10**9
HOUR_NS = 3600 * S
SETTINGS = AnalysisSettings()
CART = ServiceKey(namespace="shop", name="cart")
WORKLOAD = WorkloadKey(namespace="shop", kind="Deployment", name="cart", uid="w")
Row = tuple[str, str, int, int, int, int]


def served(name: str, count: int = 50) -> Row:
    return name, "", count, 0, 0, 0


def called(peer: str, calls: int, lost: int, *, answered_by: str = "") -> Row:
    return answered_by, peer, 0, calls, lost, calls if answered_by else 0


def look(at_s: int, *rows: Row) -> WindowTables:
    tables = WindowTables.empty(HOUR_NS + (at_s - 60) * S, HOUR_NS + at_s * S)
    names = ("service", "peer", "served_count", "call_count", "lost_count", "answered_count")
    recent = [{"namespace": "shop", **dict(zip(names, row, strict=True))} for row in rows]
    return replace(tables, recent=pl.DataFrame(recent, schema=tables.recent.schema))


def report(
    *, replicas: int = 2, ready: int = 2, probe: Probe = "unknown", age_s: float = 10_000
) -> ClusterReport:
    release = Revision(number=1, version="1", created_unix_ns=0)
    workload = Workload(
        key=WORKLOAD,
        resource_version="1",
        replicas=replicas,
        ready_replicas=ready,
        strategy="RollingUpdate",
        revisions=(release,),
        revision=1,
        is_rolling=False,
        is_opted_in=True,
        steered_by=None,
        replicas_max=5,
    )
    pods = tuple(
        Pod(
            name=f"cart-{index}",
            uid=f"p{index}",
            workload=WORKLOAD,
            revision=1,
            ready=index < ready,
            restart_count=0,
            oom_killed=False,
            started_unix_ns=int(HOUR_NS + 60 * S - age_s * S),
            cpu_ratio=0.1,
            memory_ratio=0.1,
            probe=probe,
        )
        for index in range(replicas)
    )
    return ClusterReport(observed_unix_ns=HOUR_NS + 60 * S, workloads=(workload,), pods=pods)


def told(*looks: WindowTables, cluster: ClusterReport | None = None) -> Symptom:
    """What is said of the cart after the last look."""
    presences = Presences()
    symptoms: tuple[Symptom, ...] = ()
    for tables in looks:
        presences, symptoms = detect_absence(
            presences.after(tables),
            tables.end_unix_ns,
            cluster,
            {CART: WORKLOAD},
            SETTINGS,
            now_unix_ns=tables.end_unix_ns,
        )
    return next(s for s in symptoms if s.service == CART)


BOTH = served("front"), served("cart"), called("cart", 50, 0, answered_by="cart")


def test_a_service_that_speaks_is_well_however_its_calls_end() -> None:
    failing = served("front"), served("cart"), called("cart", 50, 50, answered_by="cart")
    assert told(look(0, *BOTH), look(60, *failing)).health == "healthy"


def test_a_silent_service_that_answers_no_call_is_down() -> None:
    symptom = told(look(40, *BOTH), look(60, served("front"), called("cart", 50, 50)))
    assert symptom.health == "unhealthy"
    assert "50 of 50 calls to it got no answer" in symptom.evidence[0]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((served("front"), called("cart", 50, 0)), "exporter is mute"),
        ((served("front"), called("cart", 50, 30)), "too few to be sure"),  # a very bad release
        ((served("front"), called("cart", 4, 4)), "too few to be sure"),
        ((served("front"),), "nobody calls it"),
    ],
)
def test_silence_without_a_witness_is_unknown(rows: tuple[Row, ...], reason: str) -> None:
    symptom = told(look(40, *BOTH), look(60, *rows))
    assert symptom.health == "unknown"
    assert reason in symptom.evidence[0]


def test_a_pipeline_that_is_cut_kills_nobody() -> None:
    names = ("front", "cart", "pay", "mail", "stock")
    symptom = told(look(20, *(served(name) for name in names)), look(60))
    assert symptom.health == "unknown"
    assert "telemetry is lost" in symptom.evidence[0]


def test_failing_calls_add_up_where_few_are_seen() -> None:
    few = [look(40 + 5 * n, served("front"), called("cart", 3, 3)) for n in range(1, 5)]
    assert told(look(40, *BOTH), *few[:2]).health != "unhealthy"
    assert told(look(40, *BOTH), *few).health == "unhealthy"


@pytest.mark.parametrize(
    ("cluster", "health"),
    [
        (report(ready=0), "unhealthy"),
        (report(probe="failed"), "unhealthy"),
        (report(replicas=0, ready=0), "unknown"),  # on purpose
        (report(ready=0, age_s=STARTING_S / 2), "unknown"),  # they are only starting
        (report(), "unknown"),
    ],
)
def test_the_cluster_is_a_witness_too(cluster: ClusterReport, health: str) -> None:
    assert told(look(40, *BOTH), look(60, served("front")), cluster=cluster).health == health


def test_a_pod_that_answers_our_probe_outweighs_callers() -> None:
    looks = look(40, *BOTH), look(60, served("front"), called("cart", 500, 500))
    assert told(*looks, cluster=report(probe="ok")).health == "unknown"
    assert told(*looks, cluster=report()).health == "unhealthy"  # ready, but nothing probes it


def test_an_old_report_says_nothing() -> None:
    old = replace(report(ready=0), observed_unix_ns=0)
    assert told(look(40, *BOTH), look(60, served("front")), cluster=old).health == "unknown"


def test_down_stays_down_until_it_is_heard_again() -> None:
    dead = look(40, *BOTH), look(60, served("front"), called("cart", 50, 50))
    later = look(65, served("front"))
    assert told(*dead, later).health == "unhealthy"
    assert told(*dead, later, look(70, *BOTH)).health == "healthy"


def test_callers_may_know_a_service_by_another_name() -> None:
    known = served("front"), served("cart"), called("cart.shop.svc", 50, 0, answered_by="cart")
    symptom = told(look(40, *known), look(60, served("front"), called("cart.shop.svc", 50, 50)))
    assert symptom.health == "unhealthy"


def test_a_service_that_was_hardly_ever_heard_is_not_expected() -> None:
    with pytest.raises(StopIteration):
        told(look(0, served("cart", 3)), look(60, called("cart", 50, 50)))
