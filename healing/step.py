"""One tick of healing: outcomes in, verdicts, plans, refusals and intents out. Pure."""

from dataclasses import dataclass, field, replace

from healing.execute import Execution, first_intent, is_retried, undo_intent
from healing.guards import UNDO_GUARDS, check
from healing.guards.asked import Asked
from healing.ledger import Ledger
from healing.plan import plan_recovery
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.undo import is_undone
from healing.verify import judge
from knowledge.cluster import Change, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.issues import Issue
from knowledge.plans import ApprovedPlan, RecoveryPlan, Refused, Verdict

VOLUME_COUNT_MAX = 64
DONE_COUNT_MAX = 32
"""Executions that are over and still shown."""
LOOK_UP_S = 15.0
"""How long after the last try a write may still be seen to arrive; client time-outs are below."""
LEDGER_S = 86_400.0
"""How long actions are remembered; no stop figure counts further back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingState:
    """What one tick leaves for the next."""

    epoch: int = 0
    intent_count: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    executions: tuple[Execution, ...] = ()
    volumes: tuple[tuple[int, int], ...] = ()

    @property
    def in_flight(self) -> tuple[Execution, ...]:
        """The executions whose end is still out."""
        return tuple(e for e in self.executions if e.phase != "done")

    def changing(self) -> frozenset[WorkloadKey]:
        """The workloads that a change of our own is still settling in."""
        return frozenset(e.approved.plan.change.target for e in self.in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingOutput:
    """What is to be told and done."""

    approved: tuple[ApprovedPlan, ...]
    refused: tuple[Refused, ...]
    intents: tuple[WriteIntent, ...]
    verdicts: tuple[Verdict, ...]


def step(
    state: HealingState,
    situation: Situation,
    outcomes: tuple[WriteOutcome, ...],
    *,
    settings: HealingSettings,
    is_planning_due: bool,
) -> tuple[HealingState, HealingOutput]:
    """Take in outcomes, judge what is in flight, and plan where something is wrong."""
    spans = sum(situation.tables.services["span_count"].to_list())
    volumes = (*state.volumes, (situation.now_unix_ns, spans))[-VOLUME_COUNT_MAX:]
    state = replace(
        _settled(state, (*outcomes, *_found(state, situation, settings))), volumes=volumes
    )
    horizon = situation.now_unix_ns - int(LEDGER_S * 1e9)
    state = replace(state, ledger=state.ledger.pruned(since_unix_ns=horizon))
    state, verdicts, intents = _judged(state, situation, settings)
    approved: tuple[ApprovedPlan, ...] = ()
    refused: tuple[Refused, ...] = ()
    if is_planning_due:
        state, approved, refused, planned = _planned(state, situation, settings)
        intents = (*intents, *planned)
    return state, HealingOutput(
        approved=approved, refused=refused, intents=intents, verdicts=verdicts
    )


def recheck(
    state: HealingState, intent: WriteIntent, situation: Situation, settings: HealingSettings
) -> Refused | None:
    """Ask the guards once more, at the moment of the write and on the facts of that moment."""
    execution = next((e for e in state.executions if e.intent_id == intent.id), None)
    if execution is None:
        reason = "nothing in hand asked for this write"
        return Refused(issue_id=intent.issue_id, guard="provenance", reason=reason)
    asked = _asked(
        state, execution.approved.plan, intent.change, situation, settings, but=intent.id
    )
    answer = check(asked, UNDO_GUARDS) if intent.is_undo else check(asked)
    if isinstance(answer, Refused) or intent.is_undo:
        return answer if isinstance(answer, Refused) else None
    return _planned_anew(state, execution.approved.plan, situation, settings)


def _planned_anew(
    state: HealingState, plan: RecoveryPlan, situation: Situation, settings: HealingSettings
) -> Refused | None:
    """The evidence once more: on the facts of this moment the same change must come out."""
    issue = situation.issue(plan.issue_id)
    assert issue is not None  # a guard saw to it
    again = plan_recovery(issue, situation, settings, state.ledger)
    if isinstance(again, Refused):
        return again
    if again.change == plan.change:
        return None
    reason = "on fresh facts another change would be made"
    return Refused(issue_id=plan.issue_id, guard="evidence anew", reason=reason)


def _intent_id(state: HealingState, count: int, situation: Situation) -> str:
    """An id that no other intent ever has, not even one of a journal that was since lost."""
    return f"act-{situation.now_unix_ns // 10**6}-{state.epoch}-{count}"


def _asked(
    state: HealingState,
    plan: RecoveryPlan,
    change: Change,
    situation: Situation,
    settings: HealingSettings,
    *,
    but: str = "",
) -> Asked:
    others = [e for e in state.in_flight if e.intent_id != but]
    return Asked(
        plan=plan,
        change=change,
        intent_id=but,
        situation=situation,
        ledger=state.ledger,
        in_flight=len(others),
        volumes=state.volumes,
        settings=settings,
    )


def _settled(state: HealingState, outcomes: tuple[WriteOutcome, ...]) -> HealingState:
    ledger = state.ledger
    for outcome in outcomes:
        ledger = ledger.with_outcome(outcome)
    executions = tuple(execution.after_outcome(ledger) for execution in state.executions)
    done = [execution for execution in executions if execution.phase == "done"]
    over = done[: max(0, len(done) - DONE_COUNT_MAX)]
    executions = tuple(execution for execution in executions if execution not in over)
    return replace(state, ledger=ledger, executions=executions)


def _found(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[WriteOutcome, ...]:
    """What the cluster's own objects tell of writes whose answer was lost."""
    if situation.cluster is None:
        return ()
    found = []
    for entry in state.ledger.entries:
        if entry.status != "unknown":
            continue
        workload = situation.cluster.workload(entry.intent.change.target)
        happened = workload is not None and workload.last_action_id == entry.intent.id
        late_s = (situation.now_unix_ns - entry.intent.created_unix_ns) / 1e9
        if happened or late_s > settings.plan_expiry_s + LOOK_UP_S:
            found.append(
                WriteOutcome(
                    intent_id=entry.intent.id,
                    status="applied" if happened else "refused",
                    reason="found in the cluster" if happened else "never reached the cluster",
                    finished_unix_ns=situation.now_unix_ns,
                )
            )
    return tuple(found)


def _judged(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[HealingState, tuple[Verdict, ...], tuple[WriteIntent, ...]]:
    """Verdicts on what is verifying, undo for what did not help, retries of what is not known."""
    verdicts: list[Verdict] = []
    intents = list(_retries(state, situation, settings))
    executions = []
    for execution in state.executions:
        after = execution
        if execution.phase == "verifying":
            verdict = judge(
                execution.approved.plan,
                execution.before,
                situation,
                applied_unix_ns=execution.applied_unix_ns or 0,
                settings=settings,
            )
            if verdict is not None:
                verdicts.append(verdict)
                state = replace(state, ledger=state.ledger.with_verdict(verdict))
                state, after, undo = _concluded(state, execution, verdict, situation, settings)
                intents += [undo] if undo else []
        executions.append(after)
    return replace(state, executions=tuple(executions)), tuple(verdicts), tuple(intents)


def _concluded(
    state: HealingState,
    execution: Execution,
    verdict: Verdict,
    situation: Situation,
    settings: HealingSettings,
) -> tuple[HealingState, Execution, WriteIntent | None]:
    """The execution after its verdict: done, or being undone, once."""
    done = replace(execution, verdict=verdict, phase="done")
    if not is_undone(execution.approved.plan, verdict, situation, settings):
        return state, done, None
    assert situation.cluster is not None  # looked at just now
    count = state.intent_count + 1
    undo = undo_intent(
        execution,
        situation.cluster,
        intent_id=_intent_id(state, count, situation),
        epoch=state.epoch,
        now_unix_ns=situation.now_unix_ns,
    )
    if undo is None:
        return state, done, None
    state = replace(state, intent_count=count, ledger=state.ledger.with_intent(undo))
    return state, replace(done, phase="undoing", intent_id=undo.id), undo


def _retries(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[WriteIntent, ...]:
    in_hand = {execution.intent_id for execution in state.in_flight}
    return tuple(
        entry.intent
        for entry in state.ledger.entries
        if entry.intent.id in in_hand
        and is_retried(entry, now_unix_ns=situation.now_unix_ns, expiry_s=settings.plan_expiry_s)
    )


def _planned(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[HealingState, tuple[ApprovedPlan, ...], tuple[Refused, ...], tuple[WriteIntent, ...]]:
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
        state, intent = _begun(state, answer, issue, situation)
        approved.append(answer)
        intents.append(intent)
    return state, tuple(approved), tuple(refused), tuple(intents)


def _answer(
    state: HealingState, issue: Issue, situation: Situation, settings: HealingSettings
) -> ApprovedPlan | Refused:
    plan = plan_recovery(issue, situation, settings, state.ledger)
    if isinstance(plan, Refused):
        return plan
    place = plan.change.target.namespace
    if settings.mode_for(place, plan.change.kind) == "observe":
        reason = f"mode is observe for {plan.change.kind} in namespace {place}"
        return Refused(issue_id=issue.id, guard="mode", reason=reason)
    return check(_asked(state, plan, plan.change, situation, settings))


def _begun(
    state: HealingState, approved: ApprovedPlan, issue: Issue, situation: Situation
) -> tuple[HealingState, WriteIntent]:
    assert situation.cluster is not None  # a guard saw to it
    count = state.intent_count + 1
    intent = first_intent(
        approved,
        situation.cluster,
        intent_id=_intent_id(state, count, situation),
        epoch=state.epoch,
        now_unix_ns=situation.now_unix_ns,
    )
    execution = Execution(approved=approved, intent_id=intent.id, before=issue.symptoms)
    return (
        replace(
            state,
            intent_count=count,
            ledger=state.ledger.with_intent(intent),
            executions=(*state.executions, execution),
        ),
        intent,
    )
