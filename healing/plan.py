"""From a firing issue to a plan: the next rung of the ladder that fits the cause.

The ladder is the order of the strategies, by specificity. What was tried on this issue and did not
help is not tried again: the next rung that fits is, and where none is left a person is asked.
"""

from healing.diff import diff_of, digest_of
from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.strategies import STRATEGIES
from healing.strategies.proposal import Case, NotThis, Proposal
from knowledge.issues import Issue
from knowledge.plans import Expectation, RecoveryPlan, Refused

LADDER_ENDS = "ladder"
"""The name of the refusal when all that fits was tried and did not help."""


def plan_recovery(
    issue: Issue,
    situation: Situation,
    settings: HealingSettings,
    ledger: Ledger,
    *,
    resumed_unix_ns: int = 0,
) -> RecoveryPlan | Refused:
    """Return the first plan of the ladder that fits a firing issue, or why there is none."""
    plans = fitting_plans(issue, situation, settings, ledger, resumed_unix_ns=resumed_unix_ns)
    return plans if isinstance(plans, Refused) else plans[0]


def fitting_plans(
    issue: Issue,
    situation: Situation,
    settings: HealingSettings,
    ledger: Ledger,
    *,
    resumed_unix_ns: int = 0,
) -> tuple[RecoveryPlan, ...] | Refused:
    """Return all plans that fit a firing issue, in the ladder's order, or why there is none.

    What was tried before `resumed_unix_ns`, when a person let the issue be treated again, counts no
    longer.
    """
    case = _case(issue, situation, ledger)
    if isinstance(case, Refused):
        return case
    without_effect = {
        (entry.intent.change.kind, entry.intent.change.target)
        for entry in ledger.tried(issue.id, since_unix_ns=resumed_unix_ns)
        if entry.verdict in {"unchanged", "worse"}
    }
    plans, answers, spent = [], [], []
    for propose in STRATEGIES:
        answer = propose(case, settings)
        if isinstance(answer, NotThis):
            answers.append(f"{answer.strategy}: {answer.reason}")
        elif (answer.change.kind, answer.change.target) in without_effect:
            spent.append(answer.change.kind)
        else:
            plans.append(_plan(case, answer, settings))
    if plans:
        return tuple(plans)
    answers += [f"{kind}: was tried and did not help" for kind in spent]
    guard = LADDER_ENDS if spent else "strategy"
    return Refused(issue_id=issue.id, guard=guard, reason="; ".join(answers))


def _plan(case: Case, proposal: Proposal, settings: HealingSettings) -> RecoveryPlan:
    now, issue = case.situation.now_unix_ns, case.issue
    diff = diff_of(proposal.change, case.workload)
    return RecoveryPlan(
        id=f"plan-{issue.service.namespace}-{issue.service.name}-{now // 10**6}",
        issue_id=issue.id,
        cause=case.cause.service,
        change=proposal.change,
        undo=proposal.undo,
        facts=proposal.facts,
        expected=Expectation(
            service=issue.service,
            text=f"{proposal.expected}, and {issue.service} is well again",
            deadline_unix_ns=now + int(settings.verify_timeout_s * 1e9),
        ),
        created_unix_ns=now,
        expires_unix_ns=now + int(settings.plan_expiry_s * 1e9),
        strategy=proposal.change.kind,
        settling_s=proposal.settling_s,
        cost=proposal.cost,
        before=issue.symptoms,
        diff=diff,
        digest=digest_of(issue.id, proposal.change, proposal.undo, case.workload, diff),
    )


def _case(issue: Issue, situation: Situation, ledger: Ledger) -> Case | Refused:
    if issue.finding != "cause":
        return Refused(issue_id=issue.id, guard="cause", reason=issue.finding)
    cause, cluster = issue.causes[0], situation.cluster
    if cluster is None:
        return Refused(issue_id=issue.id, guard="cluster", reason="no cluster answers")
    workload = cluster.workload(cause.workload) if cause.workload else None
    if workload is None:
        reason = f"the cluster knows no workload of {cause.service}"
        return Refused(issue_id=issue.id, guard="cluster", reason=reason)
    return Case(
        issue=issue,
        cause=cause,
        workload=workload,
        cluster=cluster,
        situation=situation,
        condemned=ledger.condemned(workload.key),
    )
