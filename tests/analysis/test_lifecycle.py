"""The life of an issue: held before it fires, held before it is resolved, never by silence."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.lifecycle import advance, open_issue
from analysis.settings import AnalysisSettings
from knowledge.identity import ServiceKey
from knowledge.issues import Health, Issue

SETTINGS = AnalysisSettings(hold_s=5, resolve_hold_s=10)
FRONT = ServiceKey(namespace="shop", name="front")
SECOND_NS = 10**9


def _run(healths: list[Health], *, may_fire: bool = True) -> list[Issue | None]:
    """Advance an issue that opened at 0, one look every 5 s from 5 s on."""
    issue: Issue | None = open_issue(FRONT, (), now_unix_ns=0)
    seen = []
    for index, health in enumerate(healths, 1):
        if issue is not None:
            issue = advance(
                issue,
                health,
                may_fire=may_fire,
                settings=SETTINGS,
                now_unix_ns=index * 5 * SECOND_NS,
            )
        seen.append(issue)
    return seen


def _states(healths: list[Health]) -> list[str]:
    return [issue.state if issue else "gone" for issue in _run(healths)]


def test_an_issue_fires_only_after_it_was_held() -> None:
    assert _states(["unhealthy"]) == ["firing"]
    assert _states(["unknown"]) == ["pending"]


def test_a_pending_issue_that_is_well_once_is_forgotten() -> None:
    assert _states(["healthy"]) == ["gone"]


def test_a_firing_issue_resolves_only_after_it_stayed_well() -> None:
    states = _states(["unhealthy", "healthy", "healthy", "healthy"])
    assert states == ["firing", "firing", "firing", "resolved"]


def test_one_bad_look_starts_the_recovery_anew() -> None:
    states = _states(["unhealthy", "healthy", "healthy", "unhealthy", "healthy", "healthy"])
    assert states[-1] == "firing"


def test_what_our_own_change_was_expected_to_bring_does_not_fire() -> None:
    (issue,) = _run(["unhealthy"], may_fire=False)
    assert issue is not None
    assert issue.state == "pending"


def test_a_resolved_issue_is_shown_for_a_while() -> None:
    well: list[Health] = ["healthy"] * 200
    healths: list[Health] = ["unhealthy", *well]
    states = _states(healths)
    assert states[-1] == "gone"
    assert states[100] == "resolved"


@given(st.lists(st.sampled_from(["healthy", "unhealthy", "unknown"]), max_size=40))
def test_no_history_breaks_the_order_of_states(healths: list[Health]) -> None:
    order = {"pending": 0, "firing": 1, "resolved": 2, "gone": 3}
    ranks = [order[state] for state in _states(healths)]
    assert ranks == sorted(ranks)


def test_silence_starts_the_recovery_anew() -> None:
    states = _states(["unhealthy", "healthy", "healthy", "unknown", "healthy", "healthy"])
    assert states[-1] == "firing"


def test_an_issue_that_nothing_is_heard_of_is_closed_at_last() -> None:
    silence: list[Health] = ["unknown"] * 121
    states = _states(["unhealthy", *silence])
    assert states[119] == "firing"
    assert states[-1] == "resolved"
