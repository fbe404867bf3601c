"""A process that journals one intent for each Deployment of a namespace, and writes them all.

What it runs is what the service runs between a plan and its outcome: the journal, the gate, the
adapter. It is there to be killed: `python -m tests.cluster.doomed KUBECONFIG JOURNAL NAMESPACE`.
"""

import asyncio
import sys
import time
from pathlib import Path

from pydantic import TypeAdapter

from healing.cluster.gate import write_guarded
from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.settings import KubernetesSettings
from homeostat.core import CoreSettings
from homeostat.settings import Settings
from knowledge.cluster import (
    Change,
    ClusterReport,
    Restart,
    RollBackRelease,
    Scale,
    SetFloor,
    Workload,
    WriteIntent,
)
from knowledge.identity import ServiceKey
from knowledge.journal import Journal
from knowledge.plans import ApprovedPlan, Expectation, RecoveryPlan, Verdict
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import WindowTables

ACTIONS = ("scale", "floor", "restart", "roll-back")
BOOST_S = 600.0


def change_of(workload: Workload) -> tuple[Change, Change | None]:
    """Return what is done to a workload, by the beginning of its name, and its way back."""
    key = workload.key
    if key.name.startswith("scale"):
        more = workload.replicas + 1
        up = Scale(target=key, replicas=more, replicas_before=workload.replicas, boost_s=BOOST_S)
        return up, Scale(target=key, replicas=workload.replicas, replicas_before=more)
    if key.name.startswith("floor"):
        scaler = workload.scaler
        assert scaler is not None
        names = (scaler.kind, scaler.name, scaler.uid)
        return _floor(workload, names, 3, scaler.floor), _floor(workload, names, scaler.floor, 3)
    if key.name.startswith("restart"):
        return Restart(target=key), None
    older, now = workload.revisions[0].number, workload.revision
    return (
        RollBackRelease(target=key, revision=older, revision_before=now),
        RollBackRelease(target=key, revision=now, revision_before=older),
    )


def _floor(
    workload: Workload, names: tuple[str, str, str], floor: int | None, before: int | None
) -> SetFloor:
    return SetFloor(
        target=workload.key,
        scaler_kind=names[0],  # type: ignore[arg-type]  # as the report has it
        scaler_name=names[1],
        scaler_uid=names[2],
        floor=floor,
        floor_before=before,
        boost_s=BOOST_S if floor and before and floor > before else None,
    )


def plan_of(workload: Workload, now: int) -> RecoveryPlan:
    """Return the plan that is carried out on a workload."""
    change, undo = change_of(workload)
    service = ServiceKey(namespace=workload.key.namespace, name=workload.key.name)
    return RecoveryPlan(
        id=f"plan-{workload.key.name}",
        issue_id=f"issue-{workload.key.name}",
        cause=service,
        change=change,
        undo=undo,
        facts=(),
        expected=Expectation(service=service, text="well", deadline_unix_ns=now + 10**12),
        created_unix_ns=now,
        expires_unix_ns=now + 60 * 10**9,
    )


def intent_of(plan: RecoveryPlan, workload: Workload, *, is_undo: bool, now: int) -> WriteIntent:
    """Return the write of a plan, or of its way back."""
    change = plan.undo if is_undo else plan.change
    assert change is not None
    return WriteIntent(
        id=f"{'undo' if is_undo else 'act'}-{workload.key.name}",
        plan_id=plan.id,
        issue_id=plan.issue_id,
        epoch=1,
        change=change,
        resource_version=workload.token_of(change),
        undo=None if is_undo else plan.undo,
        is_undo=is_undo,
        created_unix_ns=now,
    )


def journal_tick(
    journal: Journal,
    report: ClusterReport,
    plans: tuple[RecoveryPlan, ...],
    intents: tuple[WriteIntent, ...],
    verdicts: tuple[Verdict, ...] = (),
) -> int:
    """Make plans and intents durable, as the service does; return the epoch."""
    now, settings = time.time_ns(), Settings()
    core = CoreSettings(analysis=settings.analysis, healing=settings.healing)
    epoch = journal.begin_epoch(now, TypeAdapter(CoreSettings).dump_json(core))
    inputs = TickInputs(
        now_unix_ns=now,
        tables=WindowTables.empty(now - 10**9, now),
        freshness=(),
        cluster=report,
        outcomes=(),
        is_planning_due=True,
    )
    outputs = TickOutputs(
        symptoms=(),
        issues=(),
        approved=tuple(ApprovedPlan(plan=plan, guards=()) for plan in plans),
        refused=(),
        intents=intents,
        verdicts=verdicts,
    )
    journal.append_tick(epoch, inputs, outputs)
    return epoch


async def _write(kubeconfig: Path, path: Path, namespace: str) -> None:
    cluster = KubernetesCluster(KubernetesSettings(kubeconfig=kubeconfig), now_unix_ns=time.time_ns)
    journal = Journal.open(path)
    report = await cluster.report()
    mine = [w for w in report.workloads if w.key.namespace == namespace]
    now = time.time_ns()
    plans = {w.key: plan_of(w, now) for w in mine}
    intents = tuple(intent_of(plans[w.key], w, is_undo=False, now=now) for w in mine)
    epoch = journal_tick(journal, report, tuple(plans.values()), intents)

    async def one(intent: WriteIntent) -> None:
        outcome = await write_guarded(cluster, intent, lambda *_: None, now_unix_ns=time.time_ns)
        journal.append_write(epoch, outcome)
        sys.stdout.write(f"{intent.id} {outcome.status}\n")
        sys.stdout.flush()

    await asyncio.gather(*map(one, intents))


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
