"""Who of several replicas may write: one lease, as a pure state machine.

The record is a `Lease` of coordination.k8s.io, changed only by compare and swap. Nobody's wall
clock counts. A candidate waits until the record has not changed for its whole duration *by the
candidate's own clock*; the holder counts from when it *sent* its last successful renewal, and
stops writing `margin_s` earlier, which is more than the server spends on a write. So the holder
has stopped before anybody can take over, if the clocks run at about the same speed (the rule of
client-go's leader election, with a fence added:
https://pkg.go.dev/k8s.io/client-go/tools/leaderelection). All times are seconds of CLOCK_BOOTTIME,
which goes on while a machine sleeps.

Requests may be late, lost or doubled. What is not surely known to have succeeded extends nothing:
after any doubt the record is looked at, and renewed once more. `transitions` grows by one with each
new holder and is the epoch that all writes carry.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

Role = Literal["standby", "leader"]
NOBODY: Final = "nobody"
"""Stands in a record that was made where there was none. Somebody may have deleted it under its
holder, who does not know yet: so it is waited out like any other before it is taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long, in seconds. A successor has it within `lease_s` + `renew_s` + two requests."""

    lease_s: float = 13.0
    """How long a record that nobody renews is still its holder's."""

    renew_s: float = 2.0
    """How often it is renewed, or looked at."""

    margin_s: float = 6.5
    """How long before the end the holder stops writing: 2 s to connect, the 4 s after which a
    server gives a write up, and half a second for clocks that do not run alike."""

    request_s: float = 3.0
    """How long an answer is waited for."""

    retry_s: float = 1.0
    """How soon to ask again when there was none, or when somebody else was first."""

    def __post_init__(self) -> None:
        least_s = self.renew_s + self.request_s + self.retry_s + self.margin_s
        if min(self.renew_s, self.request_s, self.retry_s) <= 0 or self.lease_s < least_s:
            raise ValueError(
                f"lease_s: got {self.lease_s:g}: expected at least {least_s:g}, "
                "the sum of renew_s, request_s, retry_s and margin_s: or one lost answer ends it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """The lease as the server has it. `version`: what a compare and swap names."""

    holder: str
    duration_s: float
    transitions: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Read the record."""

    kind: Literal["look"] = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write the record; `record.version` is the one that it replaces, empty where there is none."""

    record: LeaseRecord
    kind: Literal["put"] = "put"


Ask = Look | Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The server's word: the record as it is now, after a `Put` as it was just written.

    None: there is none.
    """

    record: LeaseRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken:
    """Somebody else changed the record first: surely nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No answer, or one that tells nothing: it may or may not have happened."""


Answer = Found | Overtaken | Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """What one replica knows. `identity` is of one life of one process, never used again.

    `seen`: the record as it was last read, unchanged since `unchanged_since_s`. `is_sure`: nothing
    was asked since `seen` that may have changed it. `held_until_s`: until when this replica may
    write; None where it does not hold the lease. `taken`: the epoch under which it put itself into
    the record last; a record with another one is not its own, whatever name stands in it.
    `epoch_min`: no epoch up to here is ever used again, not even where somebody deletes the record.
    `next_s`: when to ask next.
    """

    identity: str
    times: LeaseTimes = LeaseTimes()
    seen: LeaseRecord | None = None
    unchanged_since_s: float | None = None
    is_sure: bool = False
    held_until_s: float | None = None
    taken: int | None = None
    epoch_min: int = 0
    next_s: float = 0.0

    def epoch(self, now_s: float) -> int | None:
        """Return the epoch under which this replica may write at this moment; None: it may not."""
        if self.held_until_s is None or now_s >= self.held_until_s:
            return None
        return self.taken

    def role(self, now_s: float) -> Role:
        """Return what this replica is at this moment."""
        return "standby" if self.epoch(now_s) is None else "leader"

    @property
    def is_holder(self) -> bool:
        """Whether the record, as last seen, names this replica."""
        seen = self.seen
        return seen is not None and (seen.holder, seen.transitions) == (self.identity, self.taken)


def ask(state: LeaseState, now_s: float) -> Ask:
    """Return what to ask the server for now."""
    seen = state.seen
    if not state.is_sure or state.unchanged_since_s is None:
        return Look()
    if seen is not None and state.is_holder:
        return Put(record=seen)
    if seen is None:
        return Put(record=_record(state, NOBODY, state.epoch_min, ""))
    if not _is_free(state, seen, now_s):
        return Look()
    epoch = max(seen.transitions, state.epoch_min) + 1
    return Put(record=_record(state, state.identity, epoch, seen.version))


def _record(state: LeaseState, holder: str, epoch: int, version: str) -> LeaseRecord:
    return LeaseRecord(
        holder=holder, duration_s=state.times.lease_s, transitions=epoch, version=version
    )


def answered(
    state: LeaseState, asked: Ask, answer: Answer, *, sent_s: float, now_s: float
) -> LeaseState:
    """Return what is known after an answer to what was asked at `sent_s`."""
    if isinstance(asked, Put) and asked.record.holder == state.identity:
        state = replace(state, taken=asked.record.transitions)
    match answer:
        case Silence():
            # what was put may have happened: look before the next step
            is_sure = isinstance(asked, Look) and state.is_sure
            return replace(state, is_sure=is_sure, next_s=now_s + state.times.retry_s)
        case Overtaken():
            return replace(state, is_sure=False, next_s=now_s + state.times.retry_s)
        case Found(record=record):
            after = _seen(state, record, now_s)
            if isinstance(asked, Put) and after.is_holder:
                held = sent_s + state.times.lease_s - state.times.margin_s
                return replace(after, held_until_s=held, next_s=sent_s + state.times.renew_s)
            # a look extends nothing: when it was renewed is not told by it
            held_until = after.held_until_s if after.is_holder else None
            return replace(after, held_until_s=held_until, next_s=_next_s(after, now_s))


def _next_s(state: LeaseState, now_s: float) -> float:
    """At each period, and just when a record that is watched runs out; a holder renews at once."""
    if state.is_holder:
        return now_s
    assert state.unchanged_since_s is not None  # just looked at
    over_s = state.unchanged_since_s + _duration_s(state)
    regular_s = now_s + state.times.renew_s
    return min(regular_s, over_s) if over_s > now_s else regular_s


def release(state: LeaseState, now_s: float) -> Put | None:
    """Return what gives the lease up at once, for a process that ends in order; None: not held."""
    if state.epoch(now_s) is None or state.seen is None or not state.is_sure:
        return None
    return Put(record=replace(state.seen, holder=""))


def _seen(state: LeaseState, record: LeaseRecord | None, now_s: float) -> LeaseState:
    """The record is kept; its clock begins anew only where it is another than before."""
    is_same = state.unchanged_since_s is not None and state.seen == record
    return replace(
        state,
        seen=record,
        unchanged_since_s=state.unchanged_since_s if is_same else now_s,
        is_sure=True,
        epoch_min=max(state.epoch_min, record.transitions if record else 0),
    )


def _is_free(state: LeaseState, seen: LeaseRecord, now_s: float) -> bool:
    """Whether nobody can still hold it: it was given up in order, or its time is over."""
    assert state.unchanged_since_s is not None  # looked at
    return not seen.holder or now_s - state.unchanged_since_s >= _duration_s(state)


def _duration_s(state: LeaseState) -> float:
    return max(state.times.lease_s, state.seen.duration_s if state.seen else 0.0)
