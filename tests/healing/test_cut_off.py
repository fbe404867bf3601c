"""Our own probes alone are a reason to tell a person, not to act: it may be us who are cut off."""

from dataclasses import replace
from typing import Any

import pytest

from healing.guards.evidence import not_cut_off
from healing.state import HealingState
from healing.step import HealingOutput, step
from knowledge.identity import ServiceKey

BACK = ServiceKey(namespace="shop", name="back")


@pytest.fixture
def silent(world: Any, reading: Any) -> Any:
    """The back is silent, and all its pods fail our probe; the API holds them to be ready."""
    world.pod = replace(world.pod, probe="failed")
    world.cause = replace(world.cause, kind="down")
    down = replace(reading(40.0, service=BACK), kind="ServiceDown", limit=30.0, unit="s")
    world.symptoms = (down,)
    world.issue_changes = {"service": BACK, "affected": (BACK,), "symptoms": (down,)}
    return world


def look(world: Any) -> HealingOutput:
    return step(
        HealingState(epoch=1), world.situation(), (), settings=world.settings, is_planning_due=True
    )[1]


def test_silence_and_failed_probes_alone_open_an_issue_and_change_nothing(silent: Any) -> None:
    output = look(silent)
    assert output.intents == ()
    (refused,) = output.refused
    assert refused.guard == "not cut off"
    assert "we may be cut off" in refused.reason


def test_the_api_s_word_beside_them_is_enough(silent: Any) -> None:
    silent.pod = replace(silent.pod, ready=False, restart_count=3)
    silent.workload = replace(silent.workload, ready_replicas=0)
    assert [intent.change.kind for intent in look(silent).intents] == ["restart"]


def test_so_is_somebody_who_feels_it(silent: Any, reading: Any) -> None:
    front = ServiceKey(namespace="shop", name="front")
    silent.issue_changes |= {"service": front, "affected": (front, BACK)}
    silent.symptoms = (*silent.symptoms, reading(2000.0, service=front))
    assert [intent.change.kind for intent in look(silent).intents] == ["restart"]


def test_what_speaks_of_itself_is_not_silent(silent: Any) -> None:
    silent.cause = replace(silent.cause, kind="failing")
    assert not_cut_off(silent.asked()) is None
