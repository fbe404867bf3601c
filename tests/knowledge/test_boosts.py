"""Boosts: what they go back to, and how long they last."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from knowledge.boosts import boost_after, end_of
from knowledge.cluster import Boost, Scale, Scaler, SetFloor, Workload
from knowledge.identity import WorkloadKey

KEY = WorkloadKey(namespace="shop", kind="Deployment", name="cart", uid="u")
SECOND_NS = 10**9


def scale(before: int, after: int, boost_s: float | None = None) -> Scale:
    return Scale(target=KEY, replicas=after, replicas_before=before, boost_s=boost_s)


def after(change: Scale | SetFloor, known: Boost | None = None, at_s: int = 100) -> Boost | None:
    return boost_after(change, known, action_id=f"act-{at_s}", at_unix_ns=at_s * SECOND_NS)


def workload(replicas: int, scaler: Scaler | None = None) -> Workload:
    return Workload(
        key=KEY,
        resource_version="1",
        replicas=replicas,
        ready_replicas=replicas,
        strategy="RollingUpdate",
        revisions=(),
        revision=1,
        is_rolling=False,
        is_opted_in=True,
        steered_by=None,
        replicas_max=10,
        scaler=scaler,
    )


def test_a_boost_remembers_what_was_there_and_until_when() -> None:
    boost = after(scale(2, 4, 60.0))
    assert boost == Boost(
        action_id="act-100",
        of="replicas",
        before=2,
        after=4,
        since_unix_ns=100 * SECOND_NS,
        expires_unix_ns=160 * SECOND_NS,
    )


def test_a_boost_on_a_boost_goes_back_to_where_the_first_began() -> None:
    first = after(scale(2, 4, 60.0))
    second = after(scale(4, 8, 60.0), first, at_s=130)
    assert second is not None
    assert (second.before, second.after) == (2, 8)
    assert second.expires_unix_ns == 190 * SECOND_NS


def test_the_undo_of_the_second_leaves_the_first_with_its_time() -> None:
    first = after(scale(2, 4, 60.0))
    second = after(scale(4, 8, 60.0), first, at_s=130)
    back = after(scale(8, 4), second, at_s=140)
    assert back is not None
    assert (back.before, back.after) == (2, 4)
    assert after(scale(4, 2), back, at_s=150) is None


def test_what_somebody_changed_since_is_not_ours_any_more() -> None:
    first = after(scale(2, 4, 60.0))
    fresh = after(scale(6, 8, 60.0), first, at_s=130)
    assert fresh is not None
    assert fresh.before == 6
    assert end_of(fresh, workload(9)) is None


def test_a_change_without_an_end_is_no_boost() -> None:
    assert after(scale(2, 4)) is None


def test_the_end_of_a_floor_that_was_not_named_is_that_it_is_not_named() -> None:
    scaler = Scaler(
        kind="ScaledObject", name="cart", uid="s", resource_version="1", floor=None, ceiling=10
    )
    change = SetFloor(
        target=KEY,
        scaler_kind="ScaledObject",
        scaler_name="cart",
        scaler_uid="s",
        floor=4,
        floor_before=None,
        boost_s=60.0,
    )
    boost = after(change)
    assert boost is not None
    raised = replace(scaler, floor=4)
    end = end_of(boost, workload(4, raised))
    assert isinstance(end, SetFloor)
    assert (end.floor, end.floor_before) == (None, 4)
    assert after(end, boost) is None


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(1, 6))
def test_however_many_boosts_the_end_is_where_they_began(steps: list[int], start: int) -> None:
    now, boost = start, None
    for step in steps:
        wanted = max(step, now)
        boost = after(scale(now, wanted, 60.0), boost) or boost
        now = wanted
    end = end_of(boost, workload(now)) if boost else None
    if now > start:
        assert isinstance(end, Scale)
        assert end.replicas == start
    else:
        assert boost is None
