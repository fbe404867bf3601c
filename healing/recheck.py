"""The last look before a write: the guards once more, and the evidence anew."""

from healing.boosts import plans_to_end
from healing.execute import Execution
from healing.guards import BOOST_END_GUARDS, UNDO_GUARDS, check
from healing.plan import fitting_plans
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from healing.undo import is_undone
from knowledge.cluster import WriteIntent
from knowledge.plans import ApprovedPlan, RecoveryPlan, Refused


def recheck(
    state: HealingState, intent: WriteIntent, situation: Situation, settings: HealingSettings
) -> Refused | None:
    """Ask the guards once more, at the moment of the write and on the facts of that moment."""
    execution = next((e for e in state.executions if e.intent_id == intent.id), None)
    if execution is None:
        reason = "nothing in hand asked for this write"
        return Refused(issue_id=intent.issue_id, guard="provenance", reason=reason)
    plan = execution.approved.plan
    asked = state.asked(
        plan,
        intent.change,
        situation,
        settings,
        but=intent.id,
        approval=execution.approved.approval,
    )
    if plan.ends_boost and intent.change == plan.change:
        return _ended_anew(plan, check(asked, BOOST_END_GUARDS), situation, settings)
    answer = check(asked, UNDO_GUARDS) if intent.is_undo else check(asked)
    if isinstance(answer, Refused):
        return answer
    if intent.is_undo:
        return _undone_anew(execution, situation, settings)
    return _planned_anew(state, execution.approved, situation, settings)


def _undone_anew(
    execution: Execution, situation: Situation, settings: HealingSettings
) -> Refused | None:
    """Whether taking it back still does no harm: it may have been decided in an earlier life."""
    plan, verdict = execution.approved.plan, execution.verdict
    if verdict is not None and is_undone(plan, verdict, situation, settings):
        return None
    reason = "on fresh facts it would not be taken back"
    return Refused(issue_id=plan.issue_id, guard="evidence anew", reason=reason)


def _ended_anew(
    plan: RecoveryPlan,
    answer: ApprovedPlan | Refused,
    situation: Situation,
    settings: HealingSettings,
) -> Refused | None:
    """The end of a boost once more: on the facts of this moment there is room for it."""
    if isinstance(answer, Refused):
        return answer
    for again in plans_to_end(situation, settings):
        if isinstance(again, RecoveryPlan) and again.change == plan.change:
            return None
        if isinstance(again, Refused) and again.issue_id == plan.issue_id:
            return again
    reason = "on fresh facts another change would be made"
    return Refused(issue_id=plan.issue_id, guard="evidence anew", reason=reason)


def _planned_anew(
    state: HealingState, approved: ApprovedPlan, situation: Situation, settings: HealingSettings
) -> Refused | None:
    """The evidence once more: on the facts of this moment the same change must come out.

    Where a person approved it, of the very same state of its target too.
    """
    plan = approved.plan
    issue = situation.issue(plan.issue_id)
    assert issue is not None  # a guard saw to it
    found = fitting_plans(
        issue,
        situation,
        settings,
        state.ledger,
        resumed_unix_ns=state.resumed.get(issue.id, 0),
    )
    if isinstance(found, Refused):
        return found
    again, choice = found[0], approved.choice
    if choice is not None and choice.remedy != choice.rule:
        # the remedy that was chosen must still fit; whether it is the first does not matter
        again = next((p for p in found if p.strategy == choice.remedy), again)
    if approved.approval is not None and again.digest != approved.approval.digest:
        reason = f"what was approved has moved: it is {again.digest} now"
        return Refused(issue_id=plan.issue_id, guard="approval", reason=reason, plan=again)
    if again.change == plan.change:
        return None
    reason = "on fresh facts another change would be made"
    return Refused(issue_id=plan.issue_id, guard="evidence anew", reason=reason)
