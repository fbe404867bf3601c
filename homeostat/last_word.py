"""The last word before a write: what people forbid at this very moment, and all guards once more.

Pure, on the facts of that moment. Between the plan and the write lie a look and a dry run, seconds
in which a person may have said no, or the world may have moved on.
"""

from dataclasses import dataclass, replace

from healing.guards.permission import why_maintained, why_paused
from healing.recheck import recheck as recheck_recovery
from healing.regulate import recheck as recheck_regulation
from healing.settings import HealingSettings
from homeostat.core import CoreState
from knowledge.cluster import ClusterReport, WriteIntent
from knowledge.plans import Refused
from knowledge.windows import Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is known now. `state`: of the last tick, with what people said since.

    `halted`: why we do not trust ourselves. `stopped`: why a person lets nothing be written.
    """

    state: CoreState
    settings: HealingSettings
    halted: str | None
    stopped: str | None
    freshness: tuple[Freshness, ...]
    now_unix_ns: int


def forbidden(moment: Moment, namespace: str, workload: str) -> str | None:
    """Why people let nothing of this place be changed now, or why we do not trust ourselves."""
    pauses, now = moment.state.healing.pauses, moment.now_unix_ns
    return (
        moment.halted
        or moment.stopped
        or why_paused(pauses, namespace, workload, now_unix_ns=now)
        or why_maintained(moment.settings, namespace, now_unix_ns=now)
    )


def forbids(moment: Moment, intent: WriteIntent) -> str | None:
    """Why a write may not be sent now, though the guards just let it pass."""
    plan = None if intent.is_undo else moment.state.healing.plan_of(intent.id)
    if plan is not None and moment.now_unix_ns > plan.expires_unix_ns:
        return "the plan expired meanwhile"
    return forbidden(moment, intent.change.target.namespace, intent.change.target.name)


def recheck(
    moment: Moment, intent: WriteIntent, report: ClusterReport, lease: str | None
) -> Refused | None:
    """Ask the guards on a fresh report; `lease`: why this replica may not write, if so."""
    for guard, reason in (("halted", moment.halted), ("lease", lease)):
        if reason is not None:
            return Refused(issue_id=intent.issue_id, guard=guard, reason=reason)
    state, settings = moment.state, moment.settings
    assert state.situation is not None
    situation = replace(
        state.situation,
        cluster=report,
        now_unix_ns=moment.now_unix_ns,
        stopped=moment.stopped,
        freshness=moment.freshness,
    )
    if intent.profile == "regulation":
        return recheck_regulation(state.regulation, state.healing, intent, situation, settings)
    return recheck_recovery(state.healing, intent, situation, settings)
