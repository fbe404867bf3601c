"""Take back what is in force, from what the writes left on the objects: no journal is needed.

Added replicas and raised floors are taken back where they still are what we set. A roll-back is
left: taking it back would run the release again that it was made against. A restart is over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from healing.cluster.gate import write_guarded
from healing.cluster.kube import workloads
from healing.cluster.kube.api import UNREACHABLE, Api
from healing.cluster.kube.workloads import Deployed, action_of
from healing.guards.permission import why_maintained
from healing.guards.target import other_controller, why_untouchable
from healing.settings import HealingSettings
from healing.usage import cpu_with
from knowledge.boosts import end_of
from knowledge.cluster import (
    Change,
    Cluster,
    ClusterReport,
    ClusterUnavailableError,
    Scale,
    Workload,
    WriteIntent,
    WriteOutcome,
)
from knowledge.identity import WorkloadKey
from knowledge.plans import Refused

DEPLOYMENTS: Final = "/apis/apps/v1/deployments"


class _List(msgspec.Struct):
    items: list[msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One action whose effect is still there. `undo` is None where it is left as it is."""

    workload: WorkloadKey
    text: str
    undo: WriteIntent | None


async def in_force(
    api: Api, report: ClusterReport, *, now_unix_ns: int, only_expired: bool = False
) -> tuple[InForce, ...]:
    """Return what our last writes still hold in force; `only_expired`: boosts past their time.

    Raises:
        ClusterUnavailableError: the API server does not tell.
    """
    boosted = tuple(_boosted(report, now_unix_ns, only_expired=only_expired))
    if only_expired:
        return boosted
    try:
        answer = await api.get(DEPLOYMENTS)
    except UNREACHABLE as error:
        raise ClusterUnavailableError(f"{DEPLOYMENTS}: {error!r}") from error
    if not answer.ok:
        raise ClusterUnavailableError(f"{DEPLOYMENTS}: {answer.message()}")
    known = {held.workload for held in boosted}
    kept = map(workloads.boil_down, msgspec.json.decode(answer.body, type=_List).items)
    found = (_of(deployed, now_unix_ns) for deployed in kept)
    return (*boosted, *(h for h in found if h is not None and h.workload not in known))


def _boosted(report: ClusterReport, now_unix_ns: int, *, only_expired: bool) -> Iterator[InForce]:
    for workload in report.workloads:
        boost = workload.boost
        change = end_of(boost, workload) if boost else None
        if boost is None or change is None:
            continue
        left_s = (boost.expires_unix_ns - now_unix_ns) / 1e9
        if only_expired and left_s > 0:
            continue
        when = f"{left_s:,.0f} s before its time" if left_s > 0 else "its time is over"
        what = "replicas" if boost.of == "replicas" else f"floor of {_scaler_of(workload)}"
        yield InForce(
            workload=workload.key,
            text=f"{what} {boost.after} back to {_shown(boost.before)}, {when}",
            undo=_undo(
                change,
                name=boost.action_id,
                epoch=0,
                token=workload.token_of(change),
                now_unix_ns=now_unix_ns,
            ),
        )


def _scaler_of(workload: Workload) -> str:
    return f"{workload.scaler.kind} {workload.scaler.name}" if workload.scaler else "nobody"


def _shown(value: int | None) -> str:
    return "none" if value is None else str(value)


def _undo(change: Change, *, name: str, epoch: int, token: str, now_unix_ns: int) -> WriteIntent:
    return WriteIntent(
        id=f"unwind-{name}",
        plan_id="unwind",
        issue_id="unwind",
        epoch=epoch,
        change=change,
        resource_version=token,
        undo=None,
        is_undo=True,
        created_unix_ns=now_unix_ns,
    )


Forbids = Callable[[WriteIntent, ClusterReport], str | None]
"""Why one of these writes may not be made, beside what is asked of each."""


async def unwind(
    cluster: Cluster,
    held: tuple[InForce, ...],
    *,
    now_unix_ns: Callable[[], int],
    forbids: Forbids = lambda *_: None,
    note: Callable[[WriteIntent | WriteOutcome], None] = lambda _: None,
) -> tuple[WriteOutcome, ...]:
    """Take back what can be; each write has its preconditions, like any other.

    A person asks for it, so it needs no evidence; but what somebody else steers by now is theirs.
    `note` is told of each write before it is made, and of what came of it.
    """

    def recheck(intent: WriteIntent, report: ClusterReport) -> Refused | None:
        reason = _not_ours(intent, report) or forbids(intent, report)
        return Refused(issue_id=intent.issue_id, guard="unwind", reason=reason) if reason else None

    outcomes = []
    for undo in (each.undo for each in held if each.undo is not None):
        note(undo)
        outcomes.append(await write_guarded(cluster, undo, recheck, now_unix_ns=now_unix_ns))
        note(outcomes[-1])
    return tuple(outcomes)


def _not_ours(intent: WriteIntent, report: ClusterReport) -> str | None:
    """Ask what a person who gave the order may not know."""
    workload, change = report.workload(intent.change.target), intent.change
    if workload is None:
        return f"the cluster knows no {change.target}"
    if isinstance(change, Scale) and change.replicas < 1:
        return "nothing of ours had no replicas before: the note on the object is not ours"
    return why_untouchable(workload) or other_controller(workload, change)


def why_not_by_itself(
    intent: WriteIntent, report: ClusterReport, settings: HealingSettings, *, now_unix_ns: int
) -> str | None:
    """Return what a job that runs by itself must ask, which a person answers by giving the order.

    Mode, opt-in, maintenance, and whether the pods that stay can do the work.
    """
    change, workload = intent.change, report.workload(intent.change.target)
    namespace = change.target.namespace
    if settings.mode_for(namespace, change.kind) not in {"auto", "approve"}:
        return f"mode is not auto for {change.kind} in namespace {namespace}"
    if workload is None or not workload.is_opted_in:
        return f"{change.target} is not opted in"
    maintained = why_maintained(settings, namespace, now_unix_ns=now_unix_ns)
    if maintained is not None or not isinstance(change, Scale):
        return maintained
    usage, limit = cpu_with(change, report), settings.scale_usage_min
    if usage is None:
        return "the cluster reports no CPU usage of its pods"
    return f"{change.replicas} pods would use {usage:.0%} of their CPU" if usage > limit else None


def _of(deployed: Deployed, now_unix_ns: int) -> InForce | None:
    meta, action = deployed.metadata, action_of(deployed.metadata)
    before, after = action.get("before"), action.get("after")
    if action.get("undo") or not isinstance(before, int) or not isinstance(after, int):
        return None
    if action.get("profile") == "regulation":  # a step of an autoscaler, no boost
        return None
    key = WorkloadKey(namespace=meta.namespace, kind="Deployment", name=meta.name, uid=meta.uid)
    if action.get("kind") == "roll_back_release" and deployed.release == after:
        return InForce(workload=key, text="rolled back: left as it is", undo=None)
    if action.get("kind") != "scale" or deployed.replicas != after:
        return None
    intent = _undo(
        Scale(target=key, replicas=before, replicas_before=after),
        name=str(action.get("id")),
        epoch=0,
        token=deployed.token(),
        now_unix_ns=now_unix_ns,
    )
    return InForce(workload=key, text=f"replicas {after} back to {before}", undo=intent)
