"""Whether what was done helped: verdicts, the undo of what did not, retries of what is unknown."""

from dataclasses import replace

from healing.execute import Execution, is_retried, undo_intent
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from healing.undo import is_undone
from healing.verify import judge
from knowledge.cluster import WriteIntent
from knowledge.plans import Verdict


def judged(
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
        intent_id=state.new_intent_id(count, situation),
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
