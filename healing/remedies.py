"""The remedy bandit at the planner: it chooses among plans that all guards let pass, or looks on.

Pure, and replayed from the journal: its chance is seeded by the tick and the issue, its memory is
made of the choices and verdicts that are journaled. Where the rules' own plan is refused, or only
one is allowed, there is nothing to choose.
"""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from healing.control.off_policy import NOTHING, Estimate, Logged, estimate, may_be_promoted
from healing.control.remedy_bandit import BanditSettings, RemedyBandit, RemedyState, Say
from healing.settings import HealingSettings, RemedySettings
from knowledge.issues import Issue
from knowledge.memory import Memory
from knowledge.orders import Resume
from knowledge.plans import ApprovedPlan, Verdict
from knowledge.remedies import RemedyChoice, RemedyReport

LOG_MAX: Final = 500
LATEST_MAX: Final = 5
NAME: Final = "remedies"
"""By which a person lets it try again after a fall."""
BANDIT: Final = RemedyBandit(BanditSettings())
HELPED: Final = {"recovered": True, "unchanged": False, "worse": False}
"""What a verdict teaches; one that is not proven teaches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyMemory:
    """What is learnt; the choices among several whose outcome is known, and what they prove."""

    state: RemedyState = field(default_factory=RemedyState)
    log: tuple[Logged, ...] = ()
    proof: Estimate = NOTHING
    latest: tuple[tuple[str, RemedyChoice], ...] = ()
    fell_unix_ns: int = 0
    """When it did so much worse than the rules that they choose again; 0: never, or forgiven."""


def chosen(
    memory: RemedyMemory,
    issue: Issue,
    allowed: tuple[ApprovedPlan, ...],
    settings: HealingSettings,
    *,
    now_unix_ns: int,
) -> ApprovedPlan:
    """Return the plan that is carried out; `allowed` are those that may be, the rules' first."""
    remedies = settings.remedies
    if remedies.mode == "rules":
        return allowed[0]
    by_name = {each.plan.strategy: each for each in allowed}
    choice = BANDIT.choose(
        memory.state,
        f"{issue.kind}: {issue.causes[0].kind}",
        tuple(by_name),
        draw=Random(f"{now_unix_ns} {issue.id}").random(),  # noqa: S311 - a lot, not a secret
        say=say_of(memory, remedies),
        trial_ratio=remedies.trial_ratio,
    )
    return replace(by_name[choice.remedy], choice=choice)


def say_of(memory: RemedyMemory, remedies: RemedySettings) -> Say:
    """Return how much say the bandit has now."""
    if remedies.mode != "bandit":
        return "shadow"
    return "promoted" if may_be_promoted(memory.proof) else "trial"


def noted(memory: RemedyMemory, approved: ApprovedPlan) -> RemedyMemory:
    """Return the memory with one more choice."""
    if approved.choice is None:
        return memory
    latest = (*memory.latest, (approved.plan.issue_id, approved.choice))
    return replace(memory, latest=latest[-LATEST_MAX:])


def learnt(memory: RemedyMemory, approved: ApprovedPlan, verdict: Verdict) -> RemedyMemory:
    """Return the memory after the verdict on what was chosen."""
    choice, has_helped = approved.choice, HELPED.get(verdict.outcome)
    if choice is None or has_helped is None:
        return memory
    state = BANDIT.learn(memory.state, choice, has_helped=has_helped)
    has_fallen = state.is_fallen_back and not memory.state.is_fallen_back
    fell_unix_ns = verdict.decided_unix_ns if has_fallen else memory.fell_unix_ns
    memory = replace(memory, state=state, fell_unix_ns=fell_unix_ns)
    if len(choice.policy) == 1:
        return memory  # there was nothing to choose
    told = Logged(
        context=choice.context,
        remedy=choice.remedy,
        rule=choice.rule,
        propensity=choice.propensity,
        reward=float(has_helped),
        policy=choice.policy,
    )
    log = (*memory.log, told)[-LOG_MAX:]
    return replace(memory, log=log, proof=estimate(log))


def forgiven(memory: RemedyMemory, order: Resume) -> RemedyMemory:
    """Return the memory after a person let the bandit try again, if that is what was said."""
    if order.id != NAME or not 0 < memory.fell_unix_ns <= order.given_unix_ns:
        return memory
    state = replace(memory.state, own=(), is_fallen_back=False)
    return replace(memory, state=state, fell_unix_ns=0)


def remembered(memory: Memory) -> RemedyMemory:
    """Return what the journal leaves: the same as if the service had never stopped.

    The ledger of several replicas leaves less: that it fell, and none of what was learnt.
    """
    approved = {each.plan.id: each for each in memory.approved}
    orders = [order for order in memory.orders if isinstance(order, Resume)]
    found = RemedyMemory()
    for each in memory.approved:
        found = noted(found, each)
    for verdict in memory.verdicts:
        while orders and orders[0].given_unix_ns <= verdict.decided_unix_ns:
            found = forgiven(found, orders.pop(0))
        if verdict.plan_id in approved:
            found = learnt(found, approved[verdict.plan_id], verdict)
    if memory.remedies_fell_unix_ns and not found.state.is_fallen_back:
        state = replace(found.state, is_fallen_back=True)
        found = replace(found, state=state, fell_unix_ns=memory.remedies_fell_unix_ns)
    return found


def report_of(memory: RemedyMemory, remedies: RemedySettings) -> RemedyReport:
    """Return what there is to be told of it."""
    log, proof, say = memory.log, memory.proof, say_of(memory, remedies)
    is_fallen_back = memory.state.is_fallen_back
    return RemedyReport(
        mode=remedies.mode,
        is_promoted=say == "promoted" and not is_fallen_back,
        is_fallen_back=is_fallen_back,
        judged_count=len(log),
        differing_count=sum(max(each.policy, key=lambda p: p[1])[0] != each.rule for each in log),
        drawn_count=sum(each.propensity < 1.0 for each in log),
        gain=proof.gain if log else None,
        gain_lower=proof.gain_lower if len(log) > 1 else None,
        reason=_reason(memory, remedies, say),
        latest=memory.latest,
    )


def _reason(memory: RemedyMemory, remedies: RemedySettings, say: Say) -> str:
    if remedies.mode == "rules":
        return "the rules choose, nothing is learnt"
    if memory.state.is_fallen_back:
        return f"it did worse than the rules: they choose until `homeostat resume {NAME}`"
    if say == "shadow":
        return "shadow: the rules choose, its choice is told"
    if say == "promoted":
        return "its record proves that it heals more than the rules do: it chooses"
    share = f"{remedies.trial_ratio:.0%} of the choices are its own"
    return f"not proven to heal more than the rules do: {share} until it is"
