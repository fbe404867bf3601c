"""Whether a plan helped, judged on the figures of the entry service that the issue was about."""

from healing.settings import HealingSettings
from healing.situation import Situation
from knowledge.issues import Symptom
from knowledge.plans import Outcome, RecoveryPlan, Verdict

WORSE_RATIO = 1.2
"""A figure this many times what it was before is worse, not merely unchanged."""


def judge(
    plan: RecoveryPlan,
    before: tuple[Symptom, ...],
    situation: Situation,
    *,
    applied_unix_ns: int,
    settings: HealingSettings,
) -> Verdict | None:
    """Return the verdict, or None while it is too early.

    Recovered: the rollout is over and the entry service has been well for `verify_hold_s`, seen in
    windows that reach as far beyond the change. Otherwise the deadline decides, which is put off
    once for a rollout that takes long: what has not arrived cannot have failed.
    """
    now, is_settled = situation.now_unix_ns, _settled(plan, situation)
    if plan.ends_boost:
        return _missed(plan, situation, applied_unix_ns=applied_unix_ns, settings=settings)
    well_s = _well_s(plan, situation, applied_unix_ns)
    if is_settled and well_s is not None and well_s >= settings.verify_hold_s:
        text = f"{plan.expected.service} has been well for {well_s:.0f} s"
        return _verdict(plan, "recovered", (text,), now)
    waited_s = (now - applied_unix_ns) / 1e9
    if waited_s < settings.verify_timeout_s * (1 if is_settled else 2):
        return None
    after = {
        symptom.kind: symptom
        for symptom in situation.symptoms
        if symptom.service == plan.expected.service and symptom.value is not None
    }
    compared = [(old, after[old.kind]) for old in before if old.kind in after]
    if not compared:
        text = f"no telemetry of {plan.expected.service} to judge by"
        return _verdict(plan, "unproven", (text,), now)
    evidence = tuple(f"{old.kind}: {old.value:,.3g} to {new.value:,.3g}" for old, new in compared)
    ratios = [(new.value or 0.0) / (old.value or 1e-9) for old, new in compared]
    if not is_settled:
        return _verdict(plan, "unproven", (*evidence, "the change has not arrived in full"), now)
    if not any(new.health == "unhealthy" for _, new in compared):
        return _verdict(plan, "unproven", (*evidence, "well too late to be sure why"), now)
    if max(ratios) > WORSE_RATIO:
        return _verdict(plan, "worse", evidence, now)
    if max(ratios) <= settings.better_ratio:
        return _verdict(plan, "unproven", (*evidence, "better, not well: the change stays"), now)
    return _verdict(plan, "unchanged", evidence, now)


def _missed(
    plan: RecoveryPlan,
    situation: Situation,
    *,
    applied_unix_ns: int,
    settings: HealingSettings,
) -> Verdict | None:
    """Whether room that was taken away is missed: something lasting began at that very workload.

    An issue with a cause that a change of ours is settling in does not fire: pending is enough.
    """
    now, target = situation.now_unix_ns, plan.change.target
    for issue in situation.issues:
        is_there = any(cause.workload == target for cause in issue.causes[:1])
        is_new = issue.state != "resolved" and issue.opened_unix_ns >= applied_unix_ns
        lasts_s = (now - issue.opened_unix_ns) / 1e9
        if is_there and is_new and lasts_s >= settings.verify_hold_s:
            return _verdict(plan, "worse", (f"{issue.service} fell ill, caused by {target}",), now)
    if (now - applied_unix_ns) / 1e9 < settings.verify_timeout_s:
        return None
    return _verdict(plan, "recovered", (f"nobody missed what was taken from {target}",), now)


def _well_s(plan: RecoveryPlan, situation: Situation, applied_unix_ns: int) -> float | None:
    """How long the entry service has surely been well since the change; None: it is not."""
    issue = situation.issue(plan.issue_id)
    if issue is None or issue.healthy_since_unix_ns is None:
        return None
    well_s = (situation.now_unix_ns - issue.healthy_since_unix_ns) / 1e9
    seen_s = (situation.tables.end_unix_ns - applied_unix_ns) / 1e9
    return max(0.0, min(well_s, seen_s))


def _verdict(plan: RecoveryPlan, outcome: Outcome, evidence: tuple[str, ...], now: int) -> Verdict:
    return Verdict(
        plan_id=plan.id,
        issue_id=plan.issue_id,
        outcome=outcome,
        evidence=evidence,
        decided_unix_ns=now,
    )


def _settled(plan: RecoveryPlan, situation: Situation) -> bool:
    """The change has arrived in full: nothing rolls, all wanted pods are ready."""
    cluster = situation.cluster
    workload = cluster.workload(plan.change.target) if cluster else None
    if workload is None or workload.is_rolling:
        return False
    change = plan.change
    if change.kind == "set_floor" and workload.replicas < (change.floor or 0):
        return False  # its autoscaler has not looked yet
    return workload.ready_replicas >= workload.replicas
