"""From a firing issue to a plan: the first strategy, by specificity, that fits the cause."""

from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.strategies import STRATEGIES
from healing.strategies.proposal import Case, NotThis
from knowledge.issues import Issue
from knowledge.plans import Expectation, RecoveryPlan, Refused


def plan_recovery(
    issue: Issue, situation: Situation, settings: HealingSettings, ledger: Ledger
) -> RecoveryPlan | Refused:
    """Return a plan for a firing issue, or why there is none."""
    case = _case(issue, situation, ledger)
    if isinstance(case, Refused):
        return case
    answers = []
    for propose in STRATEGIES:
        answer = propose(case, settings)
        if not isinstance(answer, NotThis):
            now = situation.now_unix_ns
            deadline = now + int(settings.verify_timeout_s * 1e9)
            return RecoveryPlan(
                id=f"plan-{issue.service.namespace}-{issue.service.name}-{now // 10**6}",
                issue_id=issue.id,
                cause=case.cause.service,
                change=answer.change,
                undo=answer.undo,
                facts=answer.facts,
                expected=Expectation(
                    service=issue.service,
                    text=f"{answer.expected}, and {issue.service} is well again",
                    deadline_unix_ns=deadline,
                ),
                created_unix_ns=now,
                expires_unix_ns=now + int(settings.plan_expiry_s * 1e9),
            )
        answers.append(f"{answer.strategy}: {answer.reason}")
    return Refused(issue_id=issue.id, guard="strategy", reason="; ".join(answers))


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
