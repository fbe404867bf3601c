"""What people say holds: approvals, pauses and the emergency stop around a real fault."""

import asyncio
from pathlib import Path

from bench.campaigns.scenario import Happening, Scenario
from bench.campaigns.simulation import Simulation
from homeostat.emergency_stop import EmergencyStop
from knowledge.orders import Approval, Pause, Resume
from knowledge.plans import Mode

BAD_RELEASE = Scenario(
    name="bad release",
    seed=7,
    warm=1,
    length_s=200,
    happenings=(Happening(kind="bad_release", at_s=5, service="catalog", is_fault=True),),
)


def _story(warm: Simulation, mode: Mode = "auto") -> Simulation:
    story = warm.fork(BAD_RELEASE)
    story.set_mode(mode)
    return story


def _writes(story: Simulation) -> list[tuple[str, str]]:
    return [(write["kind"], write["workload"]) for write in story.world.truth()["writes"]]


def _until_refused(story: Simulation, guard: str) -> str:
    """Go on until a guard says no; return the digest of the plan that it said no to."""
    while story.now_s < BAD_RELEASE.length_s:
        asyncio.run(story.step())
        for refusal in story.control.refused:
            if refusal.guard == guard:
                assert refusal.plan is not None
                return refusal.plan.digest
    raise AssertionError(f"{guard} never said no")


def _approve(digest: str, story: Simulation) -> str | None:
    now = story.world.now_unix_ns
    return asyncio.run(story.control.give(Approval(digest=digest, by="ada", given_unix_ns=now)))


def test_what_a_person_approved_is_done_once(warm: Simulation) -> None:
    story = _story(warm, "approve")
    digest = _until_refused(story, "approval")
    assert _writes(story) == []
    assert _approve(digest, story) is None
    asyncio.run(story.step())
    assert _writes(story) == [("roll_back_release", "catalog")]
    assert story.control.state.healing.approvals == ()
    assert _approve(digest, story) is not None  # it is no plan that waits any more


def test_an_approval_of_what_has_moved_since_is_void(warm: Simulation) -> None:
    story = _story(warm, "approve")
    digest = _until_refused(story, "approval")
    assert _approve(digest, story) is None
    story.world.happen("good_release", "catalog")  # somebody repairs it meanwhile
    asyncio.run(story.step())
    assert _writes(story) == []


def test_an_approval_of_nothing_is_refused(warm: Simulation) -> None:
    story = _story(warm, "approve")
    assert _approve("0" * 16, story) is not None


def test_a_pause_holds_until_it_is_ended(warm: Simulation) -> None:
    story = _story(warm)
    now = story.world.now_unix_ns
    pause = Pause(
        id="pause-1",
        namespace="town",
        workload="catalog",
        reason="I am at it",
        by="ada",
        given_unix_ns=now,
        expires_unix_ns=None,
    )
    assert asyncio.run(story.control.give(pause)) is None
    _until_refused(story, "not paused")
    assert [r.reason for r in story.control.refused] == ["paused by ada: I am at it (pause-1)"]
    assert _writes(story) == []
    resume = Resume(id="pause-1", by="ada", given_unix_ns=now)
    assert asyncio.run(story.control.give(resume)) is None
    again = asyncio.run(story.control.give(resume))
    assert again is not None  # it is over, also before the next look
    for _ in range(3):
        asyncio.run(story.step())
    assert _writes(story) == [("roll_back_release", "catalog")]


def test_nobody_resumes_what_is_not_paused(warm: Simulation) -> None:
    story = _story(warm)
    order = Resume(id="pause-2", by="ada", given_unix_ns=story.world.now_unix_ns)
    assert asyncio.run(story.control.give(order)) is not None


def test_the_emergency_stop_holds_while_the_file_is_there(warm: Simulation, tmp_path: Path) -> None:
    file = tmp_path / "stop"
    file.write_text("we are being attacked\n")
    story = _story(warm)
    story.control._stopped = EmergencyStop(file).reason
    _until_refused(story, "not stopped")
    assert "we are being attacked" in story.control.refused[0].reason
    assert _writes(story) == []
    file.unlink()
    for _ in range(3):
        asyncio.run(story.step())
    assert _writes(story) == [("roll_back_release", "catalog")]
