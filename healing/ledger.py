"""What was done, to whom, and whether it helped: the memory that the stop figures count in.

Rebuilt from the journal when the service starts, so that a restart of ours forgets no budget.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from knowledge.cluster import Scale, SetFloor, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.plans import Outcome, Verdict

Status = Literal["open", "applied", "refused", "conflict", "failed", "unknown"]
_SPENT: tuple[Status, ...] = ("open", "applied", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One intent and what became of it. What may have happened counts as having happened."""

    intent: WriteIntent
    status: Status = "open"
    reason: str = ""
    finished_unix_ns: int | None = None
    verdict: Outcome | None = None
    is_sent: bool = True
    """Whether a try of it was sent; one that was held back says nothing of the write."""

    @property
    def is_disruptive(self) -> bool:
        """True if pods were replaced."""
        return self.intent.change.kind not in {"scale", "set_floor"}

    @property
    def ends_boost(self) -> bool:
        """True if it took back room whose time was over; unlike other undos it has a way back."""
        return self.intent.is_undo and self.intent.undo is not None

    @property
    def adds_room(self) -> bool:
        """True if more replicas, or a higher floor, may be there by it."""
        change = self.intent.change
        match change:
            case Scale():
                is_more = change.replicas > change.replicas_before
            case SetFloor():
                is_more = (change.floor or 0) > (change.floor_before or 0)
            case _:
                is_more = False
        return is_more and self.status in _SPENT

    @property
    def condemns(self) -> int | None:
        """The revision that was rolled back from, if that is what was done."""
        change = self.intent.change
        if change.kind != "roll_back_release" or self.intent.is_undo or self.status not in _SPENT:
            return None
        return change.revision_before


def _turns(earlier: Entry, later: Entry) -> bool:
    """Whether the later write takes back what the earlier did, wholly or in part."""
    if later.intent.is_undo:
        return not later.ends_boost  # what ends in time is no reversal
    one, other = earlier.intent.change, later.intent.change
    if one.kind == "scale" and other.kind == "scale":
        return (one.replicas > one.replicas_before) != (other.replicas > other.replicas_before)
    if one.kind == "roll_back_release" and other.kind == "roll_back_release":
        return other.revision == one.revision_before
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All entries, oldest first."""

    entries: tuple[Entry, ...] = ()

    def entry(self, intent_id: str) -> Entry | None:
        """The entry of an intent."""
        return next((entry for entry in self.entries if entry.intent.id == intent_id), None)

    def with_intent(self, intent: WriteIntent) -> "Ledger":
        """Return the ledger with one more intent; one that it has already changes nothing."""
        if any(entry.intent.id == intent.id for entry in self.entries):
            return self
        return Ledger(entries=(*self.entries, Entry(intent=intent)))

    def with_outcome(self, outcome: WriteOutcome) -> "Ledger":
        """Return the ledger with what became of an intent.

        A retry that could not even look (`failed`) leaves `unknown` what was unknown before.
        """
        return Ledger(
            entries=tuple(
                replace(
                    entry,
                    status=outcome.status,
                    reason=outcome.reason,
                    finished_unix_ns=outcome.finished_unix_ns,
                    is_sent=outcome.is_sent,
                )
                if entry.intent.id == outcome.intent_id
                and not (entry.status == "unknown" and outcome.status == "failed")
                else entry
                for entry in self.entries
            )
        )

    def with_verdict(self, verdict: Verdict) -> "Ledger":
        """Return the ledger with the verdict on a plan."""
        return Ledger(
            entries=tuple(
                replace(entry, verdict=verdict.outcome)
                if entry.intent.plan_id == verdict.plan_id
                and (entry.ends_boost or not entry.intent.is_undo)
                else entry
                for entry in self.entries
            )
        )

    def condemned(self, target: WorkloadKey) -> frozenset[int]:
        """The revisions of a target that were rolled back from: never to be gone back to."""
        return frozenset(
            entry.condemns
            for entry in self.entries
            if entry.condemns is not None and entry.intent.change.target.same_name(target)
        )

    def is_unknown(self, intent_id: str) -> bool:
        """Whether an intent was tried, and nobody knows what came of it."""
        return any(e.intent.id == intent_id and e.status == "unknown" for e in self.entries)

    def pruned(self, *, since_unix_ns: int) -> "Ledger":
        """Return the ledger without what is older than any window that is counted in.

        What was rolled back from stays: a bad release is no better for its age.
        """
        return Ledger(
            entries=tuple(
                e
                for e in self.entries
                if e.intent.created_unix_ns > since_unix_ns or e.condemns is not None
            )
        )

    def reversals(self, target: WorkloadKey, *, since_unix_ns: int) -> int:
        """Count how often what was done to a target was turned round since then."""
        done = [
            entry
            for entry in self.entries
            if entry.status in _SPENT and entry.intent.change.target.same_name(target)
        ]
        return sum(
            later.intent.created_unix_ns > since_unix_ns and _turns(earlier, later)
            for earlier, later in pairwise(done)
        )

    def missed(
        self, target: WorkloadKey, *, since_unix_ns: int, within_s: float
    ) -> tuple[Entry, ...]:
        """The ends of boosts since then that were missed: soon after, room was added again.

        By the verdict on the end itself, or by another recovery `within_s` of it.
        """
        done = [
            entry
            for entry in self.entries
            if entry.intent.change.target.same_name(target)
            and entry.status in _SPENT
            and entry.intent.created_unix_ns > since_unix_ns
        ]
        raised = [entry.intent.created_unix_ns for entry in done if entry.adds_room]
        within_ns = int(within_s * 1e9)
        return tuple(
            end
            for end in done
            if end.ends_boost
            and (
                end.verdict == "worse"
                or any(0 < at - end.intent.created_unix_ns <= within_ns for at in raised)
            )
        )

    def tried(self, issue_id: str, *, since_unix_ns: int = 0) -> tuple[Entry, ...]:
        """The actions that were taken on an issue, oldest first; an undo is none."""
        return tuple(
            entry
            for entry in self.entries
            if entry.intent.issue_id == issue_id
            and not entry.intent.is_undo
            and entry.status in _SPENT
            and entry.intent.created_unix_ns > since_unix_ns
        )

    def tries(self, target: WorkloadKey, *, since_unix_ns: int, but: str) -> int:
        """Count the writes to a target that were sent and surely did not happen."""
        return sum(
            entry.status not in _SPENT
            and entry.is_sent
            and entry.intent.id != but
            and entry.intent.created_unix_ns > since_unix_ns
            and entry.intent.change.target.same_name(target)
            for entry in self.entries
        )

    def spent(
        self,
        *,
        since_unix_ns: int,
        target: WorkloadKey | None = None,
        namespace: str | None = None,
        but: str = "",
    ) -> tuple[Entry, ...]:
        """The actions since then that spend budget: no undo, nothing that surely did not happen.

        `but`: the id of an intent that is not to be counted (the one that asks).
        """
        return tuple(
            entry
            for entry in self.entries
            if entry.status in _SPENT
            and not entry.intent.is_undo
            and entry.intent.id != but
            and entry.intent.created_unix_ns > since_unix_ns
            and (target is None or entry.intent.change.target.same_name(target))
            and (namespace is None or entry.intent.change.target.namespace == namespace)
        )
