"""What could be done to each workload, and what not, and why: the guards' word on a calm day. Pure.

Only the guards that speak of permission and of the target are asked; those of the moment (evidence,
budgets, freshness) have nothing to say yet.
"""

from dataclasses import dataclass

from healing.guards.asked import Asked, Guard
from healing.guards.permission import mode, opted_in
from healing.guards.target import bearable, no_foreign_rollout, no_other_controller, touchable
from healing.ledger import Ledger
from healing.settings import ACTION_KINDS, ActionKind, HealingSettings
from healing.situation import Situation
from knowledge.cluster import (
    Change,
    ClusterReport,
    Restart,
    RollBackRelease,
    Scale,
    SetFloor,
    Workload,
)
from knowledge.identity import ServiceKey
from knowledge.plans import Expectation, RecoveryPlan
from knowledge.windows import WindowTables

LASTING: tuple[Guard, ...] = (
    touchable,
    opted_in,
    mode,
    no_other_controller,
    bearable,
    no_foreign_rollout,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One kind of action on one workload. `reason` is None where it could be done."""

    workload: Workload
    kind: ActionKind
    reason: str | None


def examine(report: ClusterReport, settings: HealingSettings) -> tuple[Finding, ...]:
    """Return what each guard that lasts says of each action on each workload."""
    return tuple(
        Finding(workload=workload, kind=kind, reason=_reason(workload, kind, report, settings))
        for workload in report.workloads
        for kind in ACTION_KINDS
    )


def _reason(
    workload: Workload, kind: ActionKind, report: ClusterReport, settings: HealingSettings
) -> str | None:
    sample = _sample(workload, kind)
    if sample is None:
        return "no autoscaler sets its replicas"
    asked = _asked(sample, report, settings)
    for guard in LASTING:
        reason = guard(asked)
        if reason is not None:
            return reason
    if kind == "roll_back_release" and workload.previous_revision(condemned=frozenset()) is None:
        return "there is no older release to go back to"
    return None


def _sample(workload: Workload, kind: ActionKind) -> Change | None:
    match kind:
        case "scale":
            return Scale(
                target=workload.key,
                replicas=workload.replicas + 1,
                replicas_before=workload.replicas,
            )
        case "set_floor":
            scaler = workload.scaler
            if scaler is None:
                return None
            return SetFloor(
                target=workload.key,
                scaler_kind=scaler.kind,
                scaler_name=scaler.name,
                scaler_uid=scaler.uid,
                floor=(scaler.floor or 0) + 1,
                floor_before=scaler.floor,
            )
        case "restart":
            return Restart(target=workload.key)
        case "roll_back_release":
            return RollBackRelease(
                target=workload.key, revision=0, revision_before=workload.revision
            )


def _asked(change: Change, report: ClusterReport, settings: HealingSettings) -> Asked:
    """The question, with no issue behind it."""
    now = report.observed_unix_ns
    nobody = ServiceKey(namespace="", name="")
    plan = RecoveryPlan(
        id="",
        issue_id="",
        cause=nobody,
        change=change,
        undo=None,
        facts=(),
        expected=Expectation(service=nobody, text="", deadline_unix_ns=now),
        created_unix_ns=now,
        expires_unix_ns=now,
    )
    situation = Situation(
        now_unix_ns=now,
        issues=(),
        symptoms=(),
        tables=WindowTables.empty(now, now),
        freshness=(),
        cluster=report,
        is_warm=False,
    )
    return Asked(
        plan=plan,
        change=change,
        intent_id="",
        situation=situation,
        ledger=Ledger(),
        in_flight=0,
        volumes=(),
        settings=settings,
    )
