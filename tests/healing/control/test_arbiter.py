"""One word on one field: floors before the autoscaler, the envelope before both, in small steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.arbiter import Envelope, Floor, Ruling, arbitrate

NOW = 1_000


def _floor(replicas: int, *, until: int = NOW + 1) -> Floor:
    return Floor(replicas=replicas, until_unix_ns=until, reason=f"floor of {replicas}")


def _rule(current: int, wanted: int | None, *floors: Floor, **bounds: float) -> Ruling:
    envelope = Envelope(**{"replicas_min": 2, "replicas_max": 20, **bounds})  # type: ignore[arg-type]
    return arbitrate(
        current=current, wanted=wanted, floors=floors, envelope=envelope, now_unix_ns=NOW
    )


COUNTS = st.integers(1, 60)
FLOORS = st.lists(
    st.builds(
        Floor,
        replicas=COUNTS,
        until_unix_ns=st.sampled_from([NOW - 1, NOW + 1]),
        reason=st.just(""),
    ),
    max_size=4,
)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    least = draw(st.integers(1, 20))
    return Envelope(
        replicas_min=least,
        replicas_max=draw(st.integers(least, 40)),
        step_up_factor=draw(st.floats(1.0, 4.0)),
        step_down_ratio=draw(st.floats(0.01, 1.0)),
    )


@given(COUNTS, st.none() | COUNTS, FLOORS, envelopes())
def test_a_step_is_bounded_and_never_leaves_the_envelope(
    current: int, wanted: int | None, floors: list[Floor], envelope: Envelope
) -> None:
    ruling = arbitrate(
        current=current, wanted=wanted, floors=floors, envelope=envelope, now_unix_ns=NOW
    )
    assert ruling.replicas >= current - max(1, int(current * envelope.step_down_ratio))
    assert ruling.replicas <= max(current + 1, int(current * envelope.step_up_factor))
    if envelope.replicas_min <= current <= envelope.replicas_max:
        assert envelope.replicas_min <= ruling.replicas <= envelope.replicas_max
    if wanted is None:
        assert ruling.replicas >= current


@given(COUNTS, st.none() | COUNTS, FLOORS, envelopes())
def test_nothing_falls_below_a_live_floor(
    current: int, wanted: int | None, floors: list[Floor], envelope: Envelope
) -> None:
    ruling = arbitrate(
        current=current, wanted=wanted, floors=floors, envelope=envelope, now_unix_ns=NOW
    )
    highest = max((f.replicas for f in floors if f.until_unix_ns > NOW), default=0)
    floor = min(highest, envelope.replicas_max)
    assert ruling.replicas >= min(current, floor)


@given(COUNTS, COUNTS, FLOORS, envelopes())
def test_asked_again_and_again_it_comes_to_rest_where_all_agree(
    current: int, wanted: int, floors: list[Floor], envelope: Envelope
) -> None:
    for _ in range(200):
        ruling = arbitrate(
            current=current, wanted=wanted, floors=floors, envelope=envelope, now_unix_ns=NOW
        )
        if ruling.replicas == current:
            break
        current = ruling.replicas
    live = [f.replicas for f in floors if f.until_unix_ns > NOW]
    wish = max([wanted, *live])
    assert current == min(max(wish, envelope.replicas_min), envelope.replicas_max)


@given(COUNTS, COUNTS, COUNTS, FLOORS, envelopes())
def test_who_wants_more_gets_no_less(
    current: int, one: int, other: int, floors: list[Floor], envelope: Envelope
) -> None:
    less, more = (
        arbitrate(
            current=current, wanted=wanted, floors=floors, envelope=envelope, now_unix_ns=NOW
        ).replicas
        for wanted in sorted((one, other))
    )
    assert less <= more


def test_a_live_floor_outbids_the_autoscaler_and_says_so() -> None:
    assert _rule(6, 3, _floor(6)) == Ruling(replicas=6, reason="floor of 6")


def test_a_floor_that_ended_lets_go_in_steps() -> None:
    assert _rule(12, 3, _floor(12, until=NOW)).replicas == 9


def test_no_replicas_at_all_is_a_persons_decision() -> None:
    assert "scaled to 0 by somebody" in _rule(0, 5).reason
    assert _rule(0, 5).replicas == 0


def test_an_autoscaler_that_does_not_see_takes_nothing_away_even_above_the_envelope() -> None:
    assert _rule(30, None).replicas == 30
    assert _rule(30, 5).replicas == 23


@pytest.mark.parametrize(
    "bounds",
    [{"replicas_min": 0}, {"replicas_min": 30}, {"step_up_factor": 0.5}, {"step_down_ratio": 0}],
)
def test_an_envelope_that_makes_no_sense_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        _rule(2, 2, **bounds)
