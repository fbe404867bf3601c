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

    Recovered: the rollout is over and the entry service has been well for `verify_hold_s`, as seen
    in a window that ended after the change. Otherwise the deadline decides.
    """
    issue = situation.issue(plan.issue_id)
    now = situation.now_unix_ns
    if issue is not None and issue.healthy_since_unix_ns is not None and _settled(plan, situation):
        since = max(issue.healthy_since_unix_ns, applied_unix_ns)
        if (now - since) / 1e9 >= settings.verify_hold_s:
            text = f"{issue.service} has been well for {(now - since) / 1e9:.0f} s"
            return _verdict(plan, "recovered", (text,), now)
    if now < plan.expected.deadline_unix_ns:
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
    if not any(new.health == "unhealthy" for _, new in compared):
        return _verdict(plan, "unproven", (*evidence, "well too late to be sure why"), now)
    worse = any((new.value or 0) > WORSE_RATIO * (old.value or 0) for old, new in compared)
    return _verdict(plan, "worse" if worse else "unchanged", evidence, now)


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
    return (
        workload is not None
        and not workload.is_rolling
        and workload.ready_replicas >= workload.replicas
    )
