"""The breaker against a model, its window against brute force, and its time."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from healing.control.circuit_breaker import (
    ASK,
    REFUSED,
    BreakerSettings,
    BreakerState,
    CircuitBreaker,
    Told,
)
from healing.control.outcome_window import CountWindow, TimeWindow

S = 1_000_000_000
SMALL = BreakerSettings(
    window_size=6, calls_min=4, permits=3, wait_s=10.0, slow_s=2.0, half_open_s_max=20.0
)


class Machine(RuleBasedStateMachine):
    """The same calls through the breaker and through lists."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker(SMALL)
        self.state = self.breaker.closed()
        self.now = 1000
        self.mode = "closed"
        self.since = self.now
        self.results: list[bool] = []
        self.out: list[tuple[int, int]] = []  # (permit, episode of the model)
        self.episode = 0
        self.used = 0

    def enter(self, mode: str) -> None:
        self.mode, self.since, self.results, self.used = mode, self.now, [], 0
        self.episode += 1

    def expire(self) -> None:
        if self.mode == "half_open" and self.now - self.since >= 20:
            self.enter("open")

    @rule(seconds=st.integers(0, 25))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        self.expire()
        if self.mode == "open" and self.now - self.since >= 10:
            self.enter("half_open")
        expected = self.mode == "closed" or (self.mode == "half_open" and self.used < 3)
        self.state, permit = self.breaker.step(self.state, ASK, now_unix_ns=self.now * S)
        assert (permit != REFUSED) == expected
        if expected:
            self.used += 1
            self.out.append((permit, self.episode))

    @precondition(lambda self: self.out)
    @rule(pick=st.integers(0, 100), is_failed=st.booleans(), is_cancelled=st.booleans())
    def tell(self, pick: int, *, is_failed: bool, is_cancelled: bool) -> None:
        permit, episode = self.out.pop(pick % len(self.out))
        self.expire()
        told = Told(permit, is_failed=is_failed, is_cancelled=is_cancelled)
        self.state, _ = self.breaker.step(self.state, told, now_unix_ns=self.now * S)
        if episode != self.episode:
            return
        if is_cancelled:
            self.used -= 1
            return
        self.results.append(is_failed)
        window, needed = (3, 3) if self.mode == "half_open" else (6, 4)
        last = self.results[-window:]
        if len(last) < needed:
            return
        if sum(last) >= 0.5 * len(last):
            self.enter("open")
        elif self.mode == "half_open":
            self.enter("closed")

    @invariant()
    def same_mode(self) -> None:
        assert self.state.mode == self.mode

    @invariant()
    def never_more_probes_than_permits(self) -> None:
        assert self.state.issued <= 3


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40)


@given(
    calls=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=60),
    size=st.integers(1, 12),
)
def test_windows_equal_brute_force(calls: list[tuple[int, bool, bool]], size: int) -> None:
    count, time, now, seen = CountWindow(size), TimeWindow(size), 100, []
    for wait, failed, slow in calls:
        now += wait
        seen.append((now, failed, slow))
        count = count.added(now * S, is_failed=failed, is_slow=slow)
        time = time.added(now * S, is_failed=failed, is_slow=slow)
        last, recent = seen[-size:], [s for s in seen if s[0] > now - size]
        for window, held in ((count, last), (time, recent)):
            assert window.counted(now * S) == (
                len(held),
                sum(s[1] for s in held),
                sum(s[2] for s in held),
            )


def opened(breaker: CircuitBreaker, now_s: int = 0) -> BreakerState:
    state = breaker.closed()
    for _ in range(4):
        state, permit = breaker.step(state, ASK, now_unix_ns=now_s * S)
        state, _ = breaker.step(
            state, Told(permit, is_failed=True), now_unix_ns=now_s * S, rng=Random(1)
        )
    assert state.mode == "open"
    return state


def test_slow_calls_open_it_too() -> None:
    breaker = CircuitBreaker(SMALL)
    state = breaker.closed()
    for _ in range(4):
        state, permit = breaker.step(state, ASK, now_unix_ns=0)
        state, _ = breaker.step(state, Told(permit, duration_s=2.0), now_unix_ns=0)
    assert state.mode == "open"


def test_lost_permits_do_not_leave_it_half_open_for_ever() -> None:
    breaker = CircuitBreaker(SMALL)
    state = opened(breaker)
    for _ in range(3):
        state, permit = breaker.step(state, ASK, now_unix_ns=10 * S)
        assert permit != REFUSED
    state, permit = breaker.step(state, ASK, now_unix_ns=30 * S)
    assert (state.mode, permit) == ("open", REFUSED)
    state, permit = breaker.step(state, ASK, now_unix_ns=40 * S)
    assert permit != REFUSED


def test_a_clock_that_was_set_back_lets_nothing_through_early() -> None:
    breaker = CircuitBreaker(SMALL)
    _, permit = breaker.step(opened(breaker, now_s=100), ASK, now_unix_ns=0)
    assert permit == REFUSED


def test_each_wait_grows_and_is_jittered_upwards() -> None:
    grown = BreakerSettings(
        window_size=6, calls_min=4, permits=1, wait_s=10.0, wait_factor=2.0, jitter_ratio=0.5
    )
    breaker, now_s, waits = CircuitBreaker(grown), 0, []
    state = opened(breaker)
    for _ in range(3):
        waits.append(state.until_unix_ns / S - now_s)
        now_s = state.until_unix_ns // S + 1
        state, permit = breaker.step(state, ASK, now_unix_ns=now_s * S)
        state, _ = breaker.step(
            state, Told(permit, is_failed=True), now_unix_ns=now_s * S, rng=Random(2)
        )
    for wait, base in zip(waits, (10.0, 20.0, 40.0), strict=True):
        assert base <= wait <= 1.5 * base


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="failure_ratio"):
        BreakerSettings(failure_ratio=0.0)
