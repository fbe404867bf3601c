"""Two and three replicas, partitions, hangs of a minute, frozen processes, clocks that jump."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from healing.cluster.lease import (
    NOBODY,
    Found,
    LeaseRecord,
    LeaseState,
    LeaseTimes,
    Look,
    Overtaken,
    Put,
    Silence,
    answered,
    ask,
    release,
)
from tests.healing.lease_model import TIMES, Scene

ANY = st.integers(0, 2)
RATES = st.tuples(*[st.floats(0.98, 1.02)] * 3)


class _Machine(RuleBasedStateMachine):
    """What may happen to well-kept replicas; subclasses make it worse."""

    count = 3
    network_s = 3.9  # from the check before a write to its effect: the server gives it up after 4 s

    @initialize(rates=RATES)
    def begin(self, rates: tuple[float, ...]) -> None:
        self.scene = Scene.of(self.count, rates)

    @rule(seconds=st.floats(0.05, 5.0))
    def time_passes(self, seconds: float) -> None:
        self.scene.advance(seconds)

    @rule(who=ANY, there=st.floats(0.0, 1.0), back=st.floats(0.0, 1.0))
    def ask_well(self, who: int, there: float, back: float) -> None:
        self.scene.poll(self.scene.replicas[who % self.count], there_s=there, back_s=back)
        self.scene.advance(0.0)

    @rule(steps=st.integers(1, 30))
    def all_is_well_for_a_while(self, steps: int) -> None:
        for _ in range(steps):
            for replica in self.scene.replicas:
                self.scene.poll(replica, there_s=0.01, back_s=0.01)
                self.scene.act(replica, there_s=0.01)
            self.scene.advance(0.5)

    @rule(who=ANY, steps=st.integers(1, 40))
    def one_is_cut_off_and_its_writes_are_slow(self, who: int, steps: int) -> None:
        for _ in range(steps):
            for index, replica in enumerate(self.scene.replicas):
                is_cut = index == who % self.count
                self.scene.poll(replica, there_s=60.0 if is_cut else 0.01, back_s=0.01)
                self.scene.act(replica, there_s=self.network_s if is_cut else 0.01)
            self.scene.advance(0.5)
            self.no_stale_write_at_all()

    def no_stale_write_at_all(self) -> None:
        """Asked of the well-kept only."""

    @rule(who=ANY, there=st.one_of(st.floats(0.0, 60.0), st.just(60.0)), heard=st.booleans())
    def ask_in_a_partition(self, who: int, there: float, *, heard: bool) -> None:
        back = 0.1 if heard else None
        self.scene.poll(self.scene.replicas[who % self.count], there_s=there, back_s=back)

    @rule(who=ANY, share=st.floats(0.0, 1.0))
    def act(self, who: int, share: float) -> None:
        self.scene.act(self.scene.replicas[who % self.count], there_s=share * self.network_s)

    @rule()
    def the_record_is_deleted(self) -> None:
        self.scene.server.record = None

    @rule(who=ANY)
    def a_process_is_replaced(self, who: int) -> None:
        old = self.scene.replicas[who % self.count]
        old.is_dead = True
        identity = old.state.identity + "'"
        # its ledger tells a new process which epochs were used
        known = max((epoch for epoch, _, _ in self.scene.server.writes), default=0)
        state = LeaseState(identity=identity, epoch_min=max(known, self.scene.server.fenced))
        self.scene.replicas[who % self.count] = replace(old, state=state, is_dead=False, ready=None)
        self.scene.replicas[who % self.count].is_asking = False

    @invariant()
    def a_fence_is_final(self) -> None:
        assert not self.scene.server.stale_after_fence


class WellKept(_Machine):
    """Clocks tell the truth and nothing is frozen: then nobody writes once another may."""

    @invariant()
    def no_stale_write_at_all(self) -> None:
        writes = self.scene.server.writes
        assert all(a[0] <= b[0] for a, b in pairwise(writes)), writes
        assert all(epoch >= holds for epoch, _, holds in writes), writes

    @invariant()
    def one_leader(self) -> None:
        scene = self.scene
        found = [r for r in scene.replicas if r.state.epoch(r.clock(scene.now)) is not None]
        assert len(found) <= 1


class Wild(_Machine):
    """Writes a minute late, frozen processes and clocks an hour off: the fence still holds."""

    network_s = 60.0

    @rule(who=ANY, seconds=st.floats(1.0, 60.0))
    def freeze(self, who: int, seconds: float) -> None:
        self.scene.replicas[who % self.count].frozen_until = self.scene.now + seconds

    @rule(who=ANY, hours=st.sampled_from([-1, 1]))
    def a_clock_jumps(self, who: int, hours: int) -> None:
        self.scene.replicas[who % self.count].offset_s += hours * 3600.0


class WildPair(Wild):
    count = 2


LIMITS = settings(max_examples=30, stateful_step_count=30)
TestWellKept = WellKept.TestCase
TestWellKept.settings = LIMITS
TestWild = Wild.TestCase
TestWild.settings = LIMITS
TestWildPair = WildPair.TestCase
TestWildPair.settings = LIMITS


@given(
    rates=RATES,
    lives_s=st.floats(20.0, 60.0),
    phase=st.floats(0.05, 0.5),
    delay=st.floats(0.0, 0.3),
    count=st.integers(2, 3),
)
@settings(max_examples=40)
def test_a_successor_holds_the_lease_within_20_s(
    rates: tuple[float, ...], lives_s: float, phase: float, delay: float, count: int
) -> None:
    scene = Scene.of(count, rates)

    def leaders() -> list[int]:
        return [
            index
            for index, replica in enumerate(scene.replicas)
            if scene.runs(replica) and replica.state.epoch(replica.clock(scene.now)) is not None
        ]

    def live(until: float) -> None:
        while scene.now < until:
            for replica in scene.replicas:
                scene.poll(replica, there_s=delay, back_s=delay)
            scene.advance(phase)

    live(lives_s)
    (first,) = leaders()
    scene.replicas[first].is_dead = True
    live(scene.now + 19.5)
    assert len(leaders()) == 1


def test_one_lost_answer_does_not_end_a_lease() -> None:
    scene = Scene.of(1)
    replica = scene.replicas[0]
    while replica.state.epoch(replica.clock(scene.now)) is None:
        scene.poll(replica, there_s=0.01, back_s=0.01)
        scene.advance(0.1)
    lost = 0
    for _ in range(300):
        before = replica.is_asking
        scene.poll(replica, there_s=0.01, back_s=None if lost == 0 else 0.01)
        lost = (lost + 1) % 4 if replica.is_asking and not before else lost
        scene.advance(0.1)
        assert replica.state.epoch(replica.clock(scene.now)) == 1


HELD = LeaseRecord(holder="a", duration_s=13.0, transitions=4, version="7")


def _told(state: LeaseState, record: LeaseRecord | None, now_s: float) -> LeaseState:
    return answered(state, Look(), Found(record=record), sent_s=now_s, now_s=now_s)


def test_a_record_that_is_not_renewed_is_taken_over_with_the_next_epoch() -> None:
    state = _told(LeaseState(identity="b"), HELD, 0.0)
    state = _told(state, HELD, 12.9)
    assert ask(state, 12.9) == Look()
    assert state.next_s == 13.0
    assert ask(state, 13.0) == Put(record=replace(HELD, holder="b", transitions=5))


def test_a_record_that_was_given_up_is_taken_at_once() -> None:
    state = _told(LeaseState(identity="b"), replace(HELD, holder=""), 0.0)
    assert isinstance(ask(state, 0.0), Put)


def test_a_record_that_is_missing_is_made_waited_out_and_no_epoch_comes_back() -> None:
    state = _told(_told(LeaseState(identity="b"), HELD, 0.0), None, 1.0)
    made = ask(state, 1.0)
    record = LeaseRecord(holder=NOBODY, duration_s=13.0, transitions=4, version="")
    assert made == Put(record=record)
    record = replace(record, version="8")
    state = answered(state, made, Found(record=record), sent_s=1.0, now_s=1.0)
    assert state.epoch(1.0) is None
    assert ask(state, 13.9) == Look()
    assert ask(state, 14.0) == Put(record=replace(record, holder="b", transitions=5))


def _holder(now_s: float) -> LeaseState:
    state = _told(LeaseState(identity="b"), replace(HELD, holder=""), now_s)
    put = ask(state, now_s)
    assert isinstance(put, Put)
    found = Found(record=replace(put.record, version="8"))
    return answered(state, put, found, sent_s=now_s, now_s=now_s + 1.0)


def test_a_holder_counts_from_when_it_asked_and_stops_before_the_end() -> None:
    state = _holder(100.0)
    assert state.epoch(106.4) == 5
    assert state.epoch(106.5) is None
    assert (state.role(106.4), state.role(106.5)) == ("leader", "standby")


def test_a_holder_that_gets_no_answer_looks_and_only_then_renews() -> None:
    state = _holder(100.0)
    put = ask(state, 102.0)
    state = answered(state, put, Silence(), sent_s=102.0, now_s=104.9)
    assert ask(state, 105.9) == Look()
    state = _told(state, state.seen, 106.0)
    assert ask(state, state.next_s) == put
    assert state.epoch(106.5) is None


@pytest.mark.parametrize("record", [HELD, None, replace(HELD, holder="b", transitions=3)])
def test_a_holder_that_is_overtaken_or_meddled_with_stops_at_once(
    record: LeaseRecord | None,
) -> None:
    state = _holder(100.0)
    state = answered(state, ask(state, 102.0), Overtaken(), sent_s=102.0, now_s=102.1)
    assert _told(state, record, 103.1).epoch(103.1) is None


def test_only_what_is_surely_held_is_given_up() -> None:
    state = _holder(100.0)
    given = release(state, 101.0)
    assert given is not None
    assert (given.record.holder, given.record.version) == ("", "8")
    assert release(state, 106.5) is None


@pytest.mark.parametrize("wrong", [{"lease_s": 12.4}, {"retry_s": 0.0}])
def test_times_that_could_not_hold_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lease_s"):
        LeaseTimes(**wrong)
    assert TIMES.lease_s + TIMES.renew_s + TIMES.request_s <= 20.0
