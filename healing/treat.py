"""What is to be done about each firing issue: a plan, the guards' word on it, the first write."""

from dataclasses import replace

from healing.boosts import plans_to_end
from healing.execute import Execution, first_intent
from healing.guards import BOOST_END_GUARDS, check
from healing.plan import fitting_plans
from healing.remedies import chosen, noted
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from knowledge.cluster import WriteIntent
from knowledge.issues import Issue
from knowledge.plans import ApprovedPlan, Refused


def planned(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[HealingState, tuple[ApprovedPlan, ...], tuple[Refused, ...], tuple[WriteIntent, ...]]:
    """Return what was begun, and what was refused with the reasons."""
    approved: list[ApprovedPlan] = []
    refused: list[Refused] = []
    intents: list[WriteIntent] = []
    in_hand = {execution.approved.plan.issue_id for execution in state.in_flight}
    for issue in situation.issues:
        is_well_again = issue.healthy_since_unix_ns is not None
        if issue.state != "firing" or is_well_again or issue.id in in_hand:
            continue
        answer = _answer(state, issue, situation, settings)
        if isinstance(answer, Refused):
            refused.append(answer)
            continue
        state, intent = _begun(state, answer, situation)
        approved.append(answer)
        intents.append(intent)
    for ending in plans_to_end(situation, settings):
        if isinstance(ending, Refused) or ending.issue_id in in_hand:
            continue  # it is too early, or under way
        answer = check(state.asked(ending, ending.change, situation, settings), BOOST_END_GUARDS)
        if isinstance(answer, Refused):
            refused.append(answer)
            continue
        state, intent = _begun(state, answer, situation)
        approved.append(answer)
        intents.append(intent)
    return state, tuple(approved), tuple(refused), tuple(intents)


def _answer(
    state: HealingState, issue: Issue, situation: Situation, settings: HealingSettings
) -> ApprovedPlan | Refused:
    plans = fitting_plans(
        issue,
        situation,
        settings,
        state.ledger,
        resumed_unix_ns=state.resumed.get(issue.id, 0),
    )
    if isinstance(plans, Refused):
        return plans
    plan = plans[0]
    place = plan.change.target.namespace
    if settings.mode_for(place, plan.change.kind) == "observe":
        reason = f"mode is observe for {plan.change.kind} in namespace {place}"
        return Refused(issue_id=issue.id, guard="mode", reason=reason)
    answers = (check(state.asked(each, each.change, situation, settings)) for each in plans)
    first = next(answers)
    if isinstance(first, Refused) or first.approval is not None:
        return first  # what a person approved is done as it was approved, or not at all
    allowed = (first, *(each for each in answers if isinstance(each, ApprovedPlan)))
    return chosen(state.remedies, issue, allowed, settings, now_unix_ns=situation.now_unix_ns)


def _begun(
    state: HealingState, approved: ApprovedPlan, situation: Situation
) -> tuple[HealingState, WriteIntent]:
    assert situation.cluster is not None  # a guard saw to it
    count = state.intent_count + 1
    intent = first_intent(
        approved,
        situation.cluster,
        intent_id=state.new_intent_id(count, situation),
        epoch=state.epoch,
        now_unix_ns=situation.now_unix_ns,
    )
    execution = Execution(approved=approved, intent_id=intent.id)
    used = approved.approval.digest if approved.approval else ""
    return (
        replace(
            state,
            intent_count=count,
            approvals=tuple(a for a in state.approvals if a.digest != used),
            ledger=state.ledger.with_intent(intent),
            executions=(*state.executions, execution),
            remedies=noted(state.remedies, approved),
        ),
        intent,
    )
