"""Who takes over acts no more than who went: names, escalations and other people's hands go on."""

from dataclasses import replace

import pytest

from analysis.settings import AnalysisSettings
from analysis.step import AnalysisState
from healing.autoscalers import AutoscalerSettings
from healing.regulate import RegulationState, step
from healing.settings import HealingSettings
from healing.state import HealingState
from homeostat.core import CoreSettings, CoreState, beginning, tick
from knowledge.memory import Memory
from knowledge.orders import Resume
from knowledge.plans import Escalation
from knowledge.regulation import Hold
from knowledge.ticks import TickInputs
from knowledge.windows import WindowTables
from tests.healing.conftest import NOW, World

SECOND_NS = 10**9
HANDED = Escalation(
    issue_id="issue-1",
    reason="it swings",
    look_at="who else changes it",
    stops=True,
    since_unix_ns=NOW - SECOND_NS,
)
HOLD = Hold(workload="shop/back", until_unix_ns=NOW + 200 * SECOND_NS)
MEMORY = Memory(
    approved=(),
    intents=(),
    outcomes=(),
    verdicts=(),
    issues=(World().issue(),),
    escalations=(HANDED,),
    holds=(HOLD,),
    remedies_fell_unix_ns=NOW - SECOND_NS,
)
SETTINGS = CoreSettings(analysis=AnalysisSettings(), healing=HealingSettings())


def taken(memory: Memory = MEMORY) -> CoreState:
    """One that stood by, saw the same trouble a little later, and takes over now."""
    own = replace(World().issue(), id="issue-of-our-own", opened_unix_ns=NOW - 3 * SECOND_NS)
    before = CoreState(analysis=AnalysisState(issues=(own,)))
    return beginning(memory, epoch=4, started_unix_ns=NOW, before=before)


def test_a_successor_does_not_act_where_a_person_was_asked() -> None:
    state = taken()
    assert [issue.id for issue in state.analysis.issues] == ["issue-1"]
    world = World()
    asked = state.healing.asked(
        world.asked().plan, world.asked().change, world.situation(), world.settings
    )
    assert asked.escalation == HANDED


def test_it_hands_on_in_turn_what_it_took_over() -> None:
    inputs = TickInputs(
        now_unix_ns=NOW + SECOND_NS,
        tables=WindowTables.empty(NOW - SECOND_NS, NOW + SECOND_NS),
        freshness=(),
        cluster=None,
        outcomes=(),
        is_planning_due=True,
    )
    state, outputs = tick(taken(), inputs, SETTINGS)
    assert [issue.id for issue in outputs.issues] == ["issue-1"]
    assert outputs.escalations == (HANDED,)
    assert outputs.holds == (HOLD,)
    assert outputs.remedies_fell_unix_ns == NOW - SECOND_NS
    _, watched = tick(state, replace(inputs, is_leader=False), SETTINGS)
    assert watched.escalations == ()


@pytest.mark.parametrize(("ago_s", "is_kept"), [(0.5, False), (5.0, True)])
def test_a_person_s_word_ends_what_was_handed_over_before_it(
    ago_s: float, *, is_kept: bool
) -> None:
    order = Resume(id="issue-1", by="ann", given_unix_ns=NOW - int(ago_s * SECOND_NS))
    state = taken(replace(MEMORY, orders=(order,)))
    assert (state.healing.escalations == (HANDED,)) is is_kept


def test_who_was_left_alone_is_left_alone_by_the_successor() -> None:
    regulation = taken().regulation
    assert regulation.held == {"shop/back": HOLD.until_unix_ns}
    assert regulation.holds(NOW) == (HOLD,)
    assert regulation.holds(HOLD.until_unix_ns) == ()
    assert RegulationState().holds(NOW) == ()


def test_its_loops_begin_with_hands_off_where_others_had_just_scaled() -> None:
    """The successor sees the replicas that the other hand set, and would take them for its own."""
    world = World(pod=replace(World().pod, cpu_ratio=0.99))
    autoscaler = AutoscalerSettings(policy="hpa-form", max=10)
    settings = HealingSettings(namespaces={"shop": "auto"}, autoscalers={"shop/back": autoscaler})
    for regulation, guard in ((taken().regulation, "not foreign"), (RegulationState(), "")):
        after, output = step(
            regulation, HealingState(), world.situation(), (), settings=settings, pane_s=5.0
        )
        (told,) = output.regulated
        assert told.held_by.partition(":")[0] == guard
        assert bool(output.intents) != bool(guard)
        assert after.holds(NOW) == ((HOLD,) if guard else ())
