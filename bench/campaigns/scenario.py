"""One story of a campaign: what breaks, what else happens, what becomes of the telemetry.

Pure values, drawn from a seed; `seconds` are of simulated time after the warm-up.
"""

from dataclasses import dataclass
from typing import Literal

Disturbance = Literal["silent", "delayed", "sampled", "skewed", "restarted", "doubled"]
DISTURBANCES: tuple[Disturbance, ...] = (
    *("silent", "delayed", "sampled", "skewed", "restarted", "doubled"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A disturbance of the telemetry of `services` (all, where there are none named).

    `amount`: seconds of delay or skew, or the share of traces that a sampler keeps.
    """

    kind: Disturbance
    begin_s: float
    end_s: float
    services: frozenset[str] = frozenset()
    amount: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A fault (`twin.faults`) or an event that is none (`twin.events`) at a service."""

    kind: str
    at_s: float
    service: str
    is_fault: bool


Lie = Literal["slow", "failing", "unreachable", "storm", "new pods fail"]
LIES: tuple[Lie, ...] = ("slow", "failing", "unreachable", "storm", "new pods fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """From `begin_s` on every byte of telemetry is the attacker's, who wants `victim` treated.

    `surge`: how many times the usual requests the lie speaks of.
    """

    lie: Lie
    victim: str
    begin_s: float
    surge: float = 1.0


Place = Literal["town", "swarm", "swarm without its gateway"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run: it goes on from the warm start of `place` with the seed `warm`."""

    name: str
    seed: int
    warm: int
    length_s: float
    place: Place = "town"
    happenings: tuple[Happening, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    forgery: Forgery | None = None
