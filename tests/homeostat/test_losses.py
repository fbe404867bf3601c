"""Refusals make a gap when they are many, of our doing, and only for their time."""

import pytest

from homeostat.losses import Losses

SECOND_NS = 10**9


def _gap(*, requests: int, **refused: int) -> tuple[int, int] | None:
    losses = Losses(early_s=10)
    start = {"requests": 1000, "refused_overloaded": 500}
    assert losses.look("e", start, 100 * SECOND_NS) is None
    after = {"requests": 1000 + requests, "refused_overloaded": 500}
    after |= {name: after.get(name, 0) + count for name, count in refused.items()}
    assert losses.look("e", {"requests": 10**6}, 103 * SECOND_NS) is None  # too soon to tell
    gap = losses.look("e", after, 105 * SECOND_NS)
    return None if gap is None else (gap.start_unix_ns // SECOND_NS, gap.end_unix_ns // SECOND_NS)


@pytest.mark.parametrize(
    "reason", ["overloaded", "over_share", "memory", "log_full", "brain_full", "broken"]
)
def test_many_refusals_of_ours_are_a_gap_over_their_time(reason: str) -> None:
    assert _gap(requests=100, **{f"refused_{reason}": 6}) == (90, 105)


def test_few_refusals_are_none() -> None:
    assert _gap(requests=100, refused_overloaded=5) is None


def test_what_senders_did_wrong_is_none() -> None:
    assert _gap(requests=100, refused_malformed=90, refused_unauthenticated=10) is None


def test_silence_is_none() -> None:
    assert _gap(requests=0) is None


def test_each_receiver_is_compared_with_itself() -> None:
    losses = Losses(early_s=10)
    assert losses.look("a", {"requests": 100}, 0) is None
    assert losses.look("b", {"requests": 100, "refused_memory": 100}, 0) is None
    assert losses.look("a", {"requests": 200}, 5 * SECOND_NS) is None
    assert losses.look("b", {"requests": 200, "refused_memory": 100}, 5 * SECOND_NS) is None
