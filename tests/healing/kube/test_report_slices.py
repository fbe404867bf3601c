"""A report of many objects is drawn up in slices, and is the one that a single go would draw."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from healing.cluster.kube import facts as facts_module
from healing.cluster.kube.facts import Facts, drawn
from healing.cluster.kube.objects import (
    Bare,
    Meta,
    OwnerReference,
    PodObject,
    ScalerObject,
    ScalerSpec,
    TargetReference,
    WorkloadStatus,
)
from healing.cluster.kube.owners import Others
from healing.cluster.kube.releases import RolledOut
from healing.cluster.kube.workloads import Deployed
from knowledge.cluster import ClusterReport

BORN = datetime(2026, 1, 1, tzinfo=UTC)
WORKLOADS, PODS = 120, 5


def report_of(facts: Facts) -> ClusterReport:
    """All slices in a single go."""
    steps = drawn(facts, observed_unix_ns=7)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            report: ClusterReport = end.value
            return report


def _owned_by(kind: str, uid: str) -> tuple[OwnerReference, ...]:
    return (OwnerReference(kind=kind, name=uid, uid=uid, controller=True),)


def _deployed(uid: str) -> Deployed:
    return Deployed(
        metadata=Meta(name=uid, namespace="shop", uid=uid, generation=1),
        status=WorkloadStatus(observed_generation=1),
        replicas=PODS,
        paused=False,
        strategy="RollingUpdate",
        release=1,
        priority_class="",
        service_account="",
    )


def _scaler(name: str, kind: str, spec: ScalerSpec) -> ScalerObject:
    return ScalerObject(metadata=Meta(name=f"{kind}-{name}", namespace="shop", uid=name), spec=spec)


@pytest.fixture
def facts() -> Facts:
    names = [f"w{number:03}" for number in range(WORKLOADS)]
    hpas = [
        _scaler(n, "hpa", ScalerSpec(scale_target_ref=TargetReference(name=n))) for n in names[::2]
    ]
    rollouts = [
        _scaler(n, "rollout", ScalerSpec(workload_ref=TargetReference(kind="Deployment", name=n)))
        for n in names[::3]
    ]
    return Facts(
        namespaces={"shop": Bare(metadata=Meta(name="shop"))},
        workloads={("Deployment", name): _deployed(name) for name in names},
        replica_sets={
            f"{name}-rs": RolledOut(
                metadata=Meta(
                    uid=f"{name}-rs",
                    creation_timestamp=BORN,
                    owner_references=_owned_by("Deployment", name),
                ),
                release=1,
                version="1.0.0",
            )
            for name in names
        },
        pods={
            f"{name}-{number}": PodObject(
                metadata=Meta(
                    name=f"{name}-{number}",
                    namespace="shop",
                    uid=f"{name}-{number}",
                    creation_timestamp=BORN,
                    owner_references=_owned_by("ReplicaSet", f"{name}-rs"),
                )
            )
            for name in names
            for number in range(PODS)
        },
        others=Others(autoscalers=hpas, scaled_objects=(), canaries=(), rollouts=rollouts),
        usage={},
        probes={},
        own_namespace=None,
        replicas_max=20,
    )


def test_no_slice_takes_many_objects(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    make = facts_module._pod

    def counted(*arguments: object) -> object:
        nonlocal taken
        taken += 1
        return make(*arguments)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(facts_module, "_pod", counted)
    steps: Iterator[None] = drawn(facts, observed_unix_ns=7)
    most, before = 0, 0
    for _ in steps:
        most, before = max(most, taken - before), taken
    assert taken == WORKLOADS * PODS
    assert most == facts_module.PODS_AT_ONCE


def test_in_slices_it_is_the_same_report(facts: Facts) -> None:
    report = report_of(facts)
    assert (len(report.workloads), len(report.pods)) == (WORKLOADS, WORKLOADS * PODS)
    assert [w.key.name for w in report.workloads] == sorted(w.key.name for w in report.workloads)


def test_each_workload_finds_its_own_among_hundreds_of_others(facts: Facts) -> None:
    for number, workload in enumerate(report_of(facts).workloads):
        hpa = f"HorizontalPodAutoscaler hpa-{workload.key.name}" if number % 2 == 0 else None
        rollout = f"Argo Rollout rollout-{workload.key.name}" if number % 3 == 0 else None
        assert (workload.scaled_by, workload.steered_by) == (hpa, rollout)
