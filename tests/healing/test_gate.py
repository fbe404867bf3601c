"""The last look before a write: asked for each try, and never taken for more than it says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from healing.cluster.gate import TRIES_MAX, write_guarded
from knowledge.cluster import ClusterReport, OvertakenError, WriteIntent, WriteOutcome
from knowledge.plans import Refused
from tests.healing.conftest import World
from tests.healing.ledger_contract import APPLIED, INTENT

REFUSED = Refused(issue_id="issue-1", guard="mode", reason="no")


@dataclass
class Busy:
    """A cluster whose target moves `moves` times between our look and our write."""

    moves: int
    tries: int = 0
    asked: list[str] = field(default_factory=list)

    async def report(self) -> ClusterReport:
        return World().report()

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        self.tries += 1
        if self.tries <= self.moves:
            raise OvertakenError(intent.id)
        return APPLIED

    def run(self, answers: Callable[[int], Refused | None], *, is_retry: bool) -> WriteOutcome:
        def recheck(intent: WriteIntent, _: ClusterReport) -> Refused | None:
            self.asked.append(intent.id)
            return answers(len(self.asked))

        write = write_guarded(self, INTENT, recheck, now_unix_ns=lambda: 1, is_retry=is_retry)
        return asyncio.run(write)


def test_each_try_asks_the_guards_anew() -> None:
    cluster = Busy(moves=2)
    assert cluster.run(lambda _: None, is_retry=False) == APPLIED
    assert (cluster.tries, len(cluster.asked)) == (3, 3)


def test_guards_that_change_their_mind_end_it() -> None:
    cluster = Busy(moves=9)
    outcome = cluster.run(lambda count: REFUSED if count == 2 else None, is_retry=False)
    assert (outcome.status, outcome.reason, cluster.tries) == ("refused", "mode: no", 1)


def test_a_target_that_never_rests_is_a_conflict() -> None:
    cluster = Busy(moves=99)
    assert cluster.run(lambda _: None, is_retry=False).status == "conflict"
    assert cluster.tries == TRIES_MAX


def test_a_refusal_does_not_say_that_an_earlier_try_came_to_nothing() -> None:
    outcome = Busy(moves=0).run(lambda _: REFUSED, is_retry=True)
    assert (outcome.status, outcome.reason) == ("unknown", "not tried again: mode: no")
