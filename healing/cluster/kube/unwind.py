"""Take back what is in force, from what the writes left on the objects: no journal is needed.

Added replicas are taken back where they still are what we set. A roll-back is left: taking it back
would run the release again that it was made against. A restart is over.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from healing.cluster.gate import write_guarded
from healing.cluster.kube import workloads
from healing.cluster.kube.api import UNREACHABLE, Api
from healing.cluster.kube.workloads import Deployed, action_of
from healing.guards.target import other_controller, why_untouchable
from knowledge.cluster import (
    Cluster,
    ClusterReport,
    ClusterUnavailableError,
    Scale,
    WriteIntent,
    WriteOutcome,
)
from knowledge.identity import WorkloadKey
from knowledge.plans import Refused

DEPLOYMENTS = "/apis/apps/v1/deployments"


class _List(msgspec.Struct):
    items: list[msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One action whose effect is still there. `undo` is None where it is left as it is."""

    workload: WorkloadKey
    text: str
    undo: WriteIntent | None


async def in_force(api: Api, *, now_unix_ns: int) -> tuple[InForce, ...]:
    """Return what our last writes still hold in force.

    Raises:
        ClusterUnavailableError: the API server does not tell.
    """
    try:
        answer = await api.get(DEPLOYMENTS)
    except UNREACHABLE as error:
        raise ClusterUnavailableError(f"{DEPLOYMENTS}: {error!r}") from error
    if not answer.ok:
        raise ClusterUnavailableError(f"{DEPLOYMENTS}: {answer.message()}")
    kept = map(workloads.boil_down, msgspec.json.decode(answer.body, type=_List).items)
    found = (_of(deployed, now_unix_ns) for deployed in kept)
    return tuple(held for held in found if held is not None)


async def unwind(
    cluster: Cluster, held: tuple[InForce, ...], *, now_unix_ns: Callable[[], int]
) -> tuple[WriteOutcome, ...]:
    """Take back what can be; each write has its preconditions, like any other.

    A person asks for it, so it needs no evidence; but what somebody else steers by now is theirs.
    """
    undos = (each.undo for each in held if each.undo is not None)
    return tuple(
        [await write_guarded(cluster, undo, _not_ours, now_unix_ns=now_unix_ns) for undo in undos]
    )


def _not_ours(intent: WriteIntent, report: ClusterReport) -> Refused | None:
    """Ask what a person who gave the order may not know."""
    workload = report.workload(intent.change.target)
    if workload is None:
        reason: str | None = f"the cluster knows no {intent.change.target}"
    else:
        reason = why_untouchable(workload) or other_controller(workload, intent.change)
    if reason is None:
        return None
    return Refused(issue_id=intent.issue_id, guard="unwind", reason=reason)


def _of(deployed: Deployed, now_unix_ns: int) -> InForce | None:
    meta, action = deployed.metadata, action_of(deployed.metadata)
    before, after = action.get("before"), action.get("after")
    if action.get("undo") or not isinstance(before, int) or not isinstance(after, int):
        return None
    key = WorkloadKey(namespace=meta.namespace, kind="Deployment", name=meta.name, uid=meta.uid)
    if action.get("kind") == "roll_back_release" and deployed.release == after:
        return InForce(workload=key, text="rolled back: left as it is", undo=None)
    if action.get("kind") != "scale" or deployed.replicas != after:
        return None
    intent = WriteIntent(
        id=f"unwind-{action.get('id')}",
        plan_id="unwind",
        issue_id="unwind",
        epoch=int(action.get("epoch", 0)),
        change=Scale(target=key, replicas=before, replicas_before=after),
        resource_version=deployed.token(),
        undo=None,
        is_undo=True,
        created_unix_ns=now_unix_ns,
    )
    return InForce(workload=key, text=f"replicas {after} back to {before}", undo=intent)
