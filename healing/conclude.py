"""Whether what was done helped: verdicts, the undo of what did not, retries of what is unknown."""

from dataclasses import replace

from healing.execute import Execution, is_retried, is_superseded, undo_intent
from healing.remedies import learnt
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from healing.undo import is_undone
from healing.verify import judge
from knowledge.cluster import WriteIntent
from knowledge.plans import Refused, Verdict

UNDO_BACKOFF_S = 60.0
"""Between the first try of an undo and the second; doubled with each."""


def judged(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[HealingState, tuple[Verdict, ...], tuple[WriteIntent, ...], tuple[Refused, ...]]:
    """Verdicts on what is verifying, undo for what did not help, retries of what is not known.

    Refused is an undo that came to nothing for good.
    """
    verdicts: list[Verdict] = []
    given_up: list[Refused] = []
    intents = list(_retries(state, situation, settings))
    executions = []
    for execution in state.executions:
        after = execution
        if execution.phase == "verifying":
            verdict = judge(
                execution.approved.plan,
                execution.approved.plan.before,
                situation,
                applied_unix_ns=execution.applied_unix_ns or 0,
                settings=settings,
            )
            if verdict is not None:
                verdicts.append(verdict)
                state = replace(
                    state,
                    ledger=state.ledger.with_verdict(verdict),
                    remedies=learnt(state.remedies, execution.approved, verdict),
                )
                state, after, undo = _concluded(state, execution, verdict, situation, settings)
                intents += [undo] if undo else []
        elif execution.phase == "undoing":
            state, after, undo, refusal = _undone_again(state, execution, situation, settings)
            intents += [undo] if undo else []
            given_up += [refusal] if refusal else []
        executions.append(after)
    state = replace(state, executions=tuple(executions))
    return state, tuple(verdicts), tuple(intents), tuple(given_up)


def _concluded(
    state: HealingState,
    execution: Execution,
    verdict: Verdict,
    situation: Situation,
    settings: HealingSettings,
) -> tuple[HealingState, Execution, WriteIntent | None]:
    """The execution after its verdict: done, or being undone."""
    concluded = replace(execution, verdict=verdict)
    if not is_undone(execution.approved.plan, verdict, situation, settings):
        return state, replace(concluded, phase="done"), None
    return _undone(state, concluded, situation)


def _undone(
    state: HealingState, execution: Execution, situation: Situation
) -> tuple[HealingState, Execution, WriteIntent | None]:
    """The execution with one more try to take it back."""
    assert situation.cluster is not None  # looked at just now
    count = state.intent_count + 1
    undo = undo_intent(
        execution,
        situation.cluster,
        intent_id=state.new_intent_id(count, situation),
        epoch=state.epoch,
        now_unix_ns=situation.now_unix_ns,
    )
    if undo is None:
        return state, replace(execution, phase="done"), None
    state = replace(state, intent_count=count, ledger=state.ledger.with_intent(undo))
    tried = replace(
        execution, phase="undoing", intent_id=undo.id, undo_count=execution.undo_count + 1
    )
    return state, tried, undo


def _undone_again(
    state: HealingState, execution: Execution, situation: Situation, settings: HealingSettings
) -> tuple[HealingState, Execution, WriteIntent | None, Refused | None]:
    """A try to take it back that came to nothing: once more after a while, then a person.

    One that was never sent is no try: it is made again until it could be.
    Not where it was meanwhile set otherwise by somebody else, nor where it would do harm by now.
    """
    entry = state.ledger.entry(execution.intent_id)
    undo, verdict = execution.approved.plan.undo, execution.verdict
    cluster = situation.cluster
    if entry is None or entry.status in {"open", "unknown"} or undo is None or cluster is None:
        return state, execution, None, None
    is_idle = is_superseded(undo, cluster) or (
        verdict is not None and not is_undone(execution.approved.plan, verdict, situation, settings)
    )
    if is_idle:
        return state, replace(execution, phase="done"), None, None
    sent = execution if entry.is_sent else replace(execution, undo_count=execution.undo_count - 1)
    if sent.undo_count >= settings.undo_tries_max:
        refusal = Refused(
            issue_id=execution.approved.plan.issue_id,
            guard="undo",
            reason=f"{undo.target} could not be put back: {entry.reason}",
            plan=execution.approved.plan,
        )
        return state, replace(execution, phase="done"), None, refusal
    wait_s = UNDO_BACKOFF_S * 2 ** max(sent.undo_count - 1, 0)
    if situation.now_unix_ns - (entry.finished_unix_ns or 0) < wait_s * 1e9:
        return state, execution, None, None
    return (*_undone(state, sent, situation), None)


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
