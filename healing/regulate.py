"""One look of regulation: autoscalers propose, the arbiter rules, guards ask, intents go out. Pure.

It stands beside recovery (healing/step.py), with a ledger and a budget of its own. No issue is
needed: only workloads that a person named in `healing.autoscalers` are looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from healing.autoscalers import AutoscalerSettings, envelope_of
from healing.control.arbiter import Floor, Ruling, arbitrate
from healing.guards.regulation import Step, refusal
from healing.ledger import Ledger
from healing.loops import Loop, Wish, begin, wish_of
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from knowledge.cluster import Scale, Workload, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.plans import Refused
from knowledge.regulation import Hold, Regulated

LEDGER_NS: Final = 3600 * 10**9
"""No budget of regulation counts further back."""
IN_FORCE: Final = ("open", "applied", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegulationState:
    """What one look leaves for the next; `loops` by the name that a person gave.

    `held`: until when a workload is left alone by whom we go on after, for loops yet to begin.
    """

    epoch: int = 0
    intent_count: int = 0
    loops: Mapping[str, Loop] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    held: Mapping[str, int] = field(default_factory=dict)

    def holds(self, now_unix_ns: int) -> tuple[Hold, ...]:
        """The workloads that somebody else has just scaled."""
        known = {name: loop.foreign_until_unix_ns for name, loop in self.loops.items()}
        return tuple(
            Hold(workload=name, until_unix_ns=until)
            for name, until in sorted({**self.held, **known}.items())
            if until > now_unix_ns
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegulationOutput:
    """What is to be told and done."""

    regulated: tuple[Regulated, ...]
    intents: tuple[WriteIntent, ...]


def step(
    state: RegulationState,
    recovery: HealingState,
    situation: Situation,
    outcomes: tuple[WriteOutcome, ...],
    *,
    settings: HealingSettings,
    pane_s: float,
) -> tuple[RegulationState, RegulationOutput]:
    """Look at each workload that is to be kept in balance; `recovery` is as this tick left it."""
    ledger = state.ledger
    for outcome in outcomes:
        ledger = ledger.with_outcome(outcome)
    ledger = ledger.pruned(since_unix_ns=situation.now_unix_ns - LEDGER_NS)
    state = replace(state, ledger=ledger)
    regulated: list[Regulated] = []
    intents: list[WriteIntent] = []
    for name, autoscaler in sorted(settings.autoscalers.items()):
        workload = _workload(name, situation)
        if workload is None:
            regulated.append(_unseen(name, autoscaler, situation))
            continue
        state, told, intent = _regulate(
            state, recovery, situation, workload, name, autoscaler, settings, pane_s=pane_s
        )
        regulated.append(told)
        intents += [intent] if intent else []
    return state, RegulationOutput(regulated=tuple(regulated), intents=tuple(intents))


def recheck(
    state: RegulationState,
    recovery: HealingState,
    intent: WriteIntent,
    situation: Situation,
    settings: HealingSettings,
) -> Refused | None:
    """Ask the guards once more, at the moment of the write and on the facts of that moment."""
    change = intent.change
    assert isinstance(change, Scale)  # regulation does nothing else
    name = f"{change.target.namespace}/{change.target.name}"
    autoscaler, loop = settings.autoscalers.get(name), state.loops.get(name)
    if autoscaler is None or loop is None:
        reason = "no autoscaler of that name is set"
        return Refused(issue_id="", guard="provenance", reason=reason)
    asked = _asked(state, recovery, situation, change, loop, autoscaler, settings, but=intent.id)
    found = refusal(asked)
    return Refused(issue_id="", guard=found[0], reason=found[1]) if found else None


def floors_of(ledger: Ledger, target: WorkloadKey, settings: HealingSettings) -> tuple[Floor, ...]:
    """Return the floors that recoveries set: replicas that they added and did not take back."""
    entries = [e for e in ledger.entries if e.intent.change.target.same_name(target)]
    undone = {e.intent.plan_id for e in entries if e.intent.is_undo and e.status in IN_FORCE}
    floors = []
    for entry in entries:
        change = entry.intent.change
        if (
            isinstance(change, Scale)
            and not entry.intent.is_undo
            and entry.status in IN_FORCE
            and entry.intent.plan_id not in undone
            and change.replicas > change.replicas_before
        ):
            until = entry.intent.created_unix_ns + int(settings.regulation.floor_s * 1e9)
            reason = f"a recovery set {change.replicas} replicas ({entry.intent.id})"
            floors.append(Floor(replicas=change.replicas, until_unix_ns=until, reason=reason))
    return tuple(floors)


def _workload(name: str, situation: Situation) -> Workload | None:
    namespace, _, workload = name.partition("/")
    found = situation.cluster.workloads if situation.cluster else ()
    named = [w for w in found if (w.key.namespace, w.key.name) == (namespace, workload)]
    return min(named, key=lambda w: w.key.kind, default=None)  # a Deployment before others


def _unseen(name: str, autoscaler: AutoscalerSettings, situation: Situation) -> Regulated:
    reason = "no such workload in the cluster" if situation.cluster else "no cluster answers"
    return Regulated(
        workload=name,
        policy=autoscaler.policy,
        replicas=None,
        wanted=None,
        target=None,
        reason=reason,
        held_by="cluster",
    )


def _regulate(
    state: RegulationState,
    recovery: HealingState,
    situation: Situation,
    workload: Workload,
    name: str,
    autoscaler: AutoscalerSettings,
    settings: HealingSettings,
    *,
    pane_s: float,
) -> tuple[RegulationState, Regulated, WriteIntent | None]:
    now = situation.now_unix_ns
    loop = state.loops.get(name) or replace(
        begin(autoscaler, workload, now_unix_ns=now),
        foreign_until_unix_ns=state.held.get(name, 0),
    )
    loop = _with_foreign(loop, workload, state, recovery, settings, now_unix_ns=now)
    loop, wish = wish_of(loop, workload, situation, autoscaler, settings.regulation, pane_s=pane_s)
    limits = envelope_of(autoscaler, settings.regulation, replicas_max=workload.replicas_max)
    ruling = arbitrate(
        current=workload.replicas,
        wanted=wish.replicas,
        floors=floors_of(recovery.ledger, workload.key, settings),
        envelope=limits,
        now_unix_ns=now,
    )
    told = _told(workload, autoscaler, wish, ruling)
    intent = None
    if ruling.replicas != workload.replicas:
        change = Scale(
            target=workload.key, replicas=ruling.replicas, replicas_before=workload.replicas
        )
        found = refusal(_asked(state, recovery, situation, change, loop, autoscaler, settings))
        if found is not None:
            told = replace(told, held_by=f"{found[0]}: {found[1]}")
        else:
            intent = _intent(state, workload, change, now_unix_ns=now)
            state = replace(
                state,
                intent_count=state.intent_count + 1,
                ledger=state.ledger.with_intent(intent),
            )
    loop = replace(loop, replicas=workload.replicas)
    return replace(state, loops={**state.loops, name: loop}), told, intent


def _with_foreign(
    loop: Loop,
    workload: Workload,
    state: RegulationState,
    recovery: HealingState,
    settings: HealingSettings,
    *,
    now_unix_ns: int,
) -> Loop:
    """Note when replicas changed that neither we nor a recovery of ours changed."""
    if workload.replicas == loop.replicas:
        return loop
    ours = {
        entry.intent.change.replicas
        for ledger in (state.ledger, recovery.ledger)
        for entry in ledger.entries
        if isinstance(entry.intent.change, Scale)
        and entry.intent.change.target.same_name(workload.key)
        and entry.status in IN_FORCE
    }
    if workload.replicas in ours:
        return loop
    until = now_unix_ns + int(settings.regulation.foreign_hold_s * 1e9)
    return replace(loop, foreign_until_unix_ns=until)


def _asked(
    state: RegulationState,
    recovery: HealingState,
    situation: Situation,
    change: Scale,
    loop: Loop,
    autoscaler: AutoscalerSettings,
    settings: HealingSettings,
    *,
    but: str = "",
) -> Step:
    return Step(
        change=change,
        autoscaler=autoscaler,
        situation=situation,
        settings=settings,
        ledger=state.ledger,
        in_hand=recovery.changing(),
        floors=floors_of(recovery.ledger, change.target, settings),
        volumes=recovery.volumes,
        foreign_until_unix_ns=loop.foreign_until_unix_ns,
        pauses=recovery.pauses,
        started_unix_ns=recovery.started_unix_ns,
        intent_id=but,
    )


def _told(
    workload: Workload, autoscaler: AutoscalerSettings, wish: Wish, ruling: Ruling
) -> Regulated:
    return Regulated(
        workload=str(workload.key),
        policy=autoscaler.policy,
        replicas=workload.replicas,
        wanted=wish.replicas,
        target=ruling.replicas,
        reason="; ".join(part for part in (wish.reason, ruling.reason) if part),
    )


def _intent(
    state: RegulationState, workload: Workload, change: Scale, *, now_unix_ns: int
) -> WriteIntent:
    name = f"reg-{now_unix_ns // 10**6}-{state.epoch}-{state.intent_count + 1}"
    return WriteIntent(
        id=name,
        plan_id=name,  # each step stands for itself: a ledger lets go of plans as a whole
        issue_id="",
        epoch=state.epoch,
        change=change,
        resource_version=workload.resource_version,
        undo=None,
        is_undo=False,
        created_unix_ns=now_unix_ns,
        profile="regulation",
    )
