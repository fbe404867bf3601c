"""A server, replicas and the network between them, in simulated time: what a lease must stand."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from healing.cluster.lease import (
    Answer,
    Ask,
    Found,
    LeaseRecord,
    LeaseState,
    LeaseTimes,
    Look,
    Overtaken,
    Silence,
    answered,
    ask,
)

TIMES = LeaseTimes()


@dataclass
class Server:
    """One lease and one target. `writes`: (epoch, when, the epoch of the lease at that moment)."""

    record: LeaseRecord | None = None
    target_version: int = 0
    fenced: int = 0
    writes: list[tuple[int, float, int]] = field(default_factory=list)
    stale_after_fence: list[tuple[int, int]] = field(default_factory=list)
    _versions: "itertools.count[int]" = field(default_factory=itertools.count)

    def handle(self, asked: Ask) -> Answer:
        """Look, or compare and swap."""
        if isinstance(asked, Look):
            return Found(record=self.record)
        now = self.record.version if self.record else ""
        if asked.record.version != now:
            return Overtaken() if self.record else Found(record=None)
        self.record = replace(asked.record, version=str(next(self._versions)))
        return Found(record=self.record)

    def write(self, epoch: int, version: int, now: float) -> bool:
        """Patch the target, if it is still of the version that the patch tests."""
        if version != self.target_version:
            return False
        self.target_version += 1
        holds = self.record.transitions if self.record else 0
        self.writes.append((epoch, now, holds))
        if epoch < self.fenced:
            self.stale_after_fence.append((epoch, self.fenced))
        return True

    def fence(self, epoch: int, version: int) -> bool:
        """Bump the version of the target for a new holder."""
        if version != self.target_version:
            return False
        self.target_version += 1
        self.fenced = max(self.fenced, epoch)
        return True


@dataclass
class Replica:
    """One process; its clock runs at its own rate from its own zero."""

    state: LeaseState
    rate: float = 1.0
    offset_s: float = 0.0
    frozen_until: float = 0.0
    is_asking: bool = False
    is_dead: bool = False
    ready: int | None = None  # the epoch for which it has fenced

    def clock(self, now: float) -> float:
        """Its CLOCK_BOOTTIME."""
        return now * self.rate + self.offset_s


@dataclass
class Scene:
    """Everything. Things that are under way wait in `events` until their time has come."""

    replicas: list[Replica]
    server: Server = field(default_factory=Server)
    now: float = 0.0
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def of(cls, count: int, rates: tuple[float, ...] = (1.0, 1.0, 1.0)) -> "Scene":
        return cls(
            replicas=[
                Replica(state=LeaseState(identity=f"r{i}"), rate=rates[i], offset_s=1000.0 * i)
                for i in range(count)
            ]
        )

    def at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.events, (when, next(self._order), do))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.events and self.events[0][0] <= end:
            self.now, _, do = heapq.heappop(self.events)
            do()
        self.now = end

    def runs(self, replica: Replica) -> bool:
        return not replica.is_dead and self.now >= replica.frozen_until

    def wakes(self, replica: Replica, do: Callable[[], None]) -> None:
        """Let a replica notice something: now, or when it thaws; never once it is dead."""
        if replica.is_dead:
            return
        if self.now < replica.frozen_until:
            self.at(replica.frozen_until, lambda: self.wakes(replica, do))
        else:
            do()

    def poll(self, replica: Replica, *, there_s: float, back_s: float | None) -> None:
        """Ask the server what is due; `back_s` None: the answer is lost."""
        local = replica.clock(self.now)
        if not self.runs(replica) or replica.is_asking or local < replica.state.next_s:
            return
        asked, sent_s, limit = ask(replica.state, local), local, self.now + TIMES.request_s
        replica.is_asking = True
        is_open = [True]

        def hear(answer: Answer) -> None:
            if not is_open[0]:
                return  # the request had timed out
            is_open[0], replica.is_asking = False, False
            replica.state = answered(
                replica.state, asked, answer, sent_s=sent_s, now_s=replica.clock(self.now)
            )

        def arrive() -> None:
            answer = self.server.handle(asked)
            if back_s is not None:
                self.at(self.now + back_s, lambda: self.wakes(replica, lambda: hear(answer)))

        self.at(self.now + there_s, arrive)
        self.at(limit, lambda: self.wakes(replica, lambda: hear(Silence())))

    def act(self, replica: Replica, *, there_s: float) -> bool:
        """Fence first, then write: each checked, then sent, and under way for a while."""
        if not self.runs(replica):
            return False
        epoch = replica.state.epoch(replica.clock(self.now))
        if epoch is None:
            return False
        version, server = self.server.target_version, self.server
        if server.fenced > epoch:
            return False  # the target itself says that another has taken over
        if replica.ready != epoch:

            def bump() -> None:
                if server.fence(epoch, version):
                    self.wakes(replica, lambda: setattr(replica, "ready", epoch))

            self.at(self.now + there_s, bump)
            return False
        self.at(self.now + there_s, lambda: void(server.write(epoch, version, self.now)))
        return True


def void(_: object) -> None:
    """Nobody hears what came of it."""
