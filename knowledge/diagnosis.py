"""A question for the cause of what began at a given time, and the answer to it."""

from dataclasses import dataclass
from typing import Literal

from knowledge.identity import ServiceKey
from knowledge.issues import Finding

Witness = Literal["latency", "behaviour", "resources"]
"""What speaks for a suspect: where the users' time goes, what services do otherwise than before
(calls, records, failures), what they use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What began at `onset_unix_ns`, judged by what is known until `until_unix_ns`?

    `leave_out`: periods, as pairs of begin and end, that say nothing about what is normal.
    `issue_id`: the issue that it is asked for; empty where a person asks.
    """

    onset_unix_ns: int
    until_unix_ns: int
    leave_out: tuple[tuple[int, int], ...] = ()
    issue_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What one witness says about one service: how strongly, in [0, 1], and why."""

    witness: Witness
    strength: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A service that may be the cause. `score` in [0, 1] only ranks; it is no probability."""

    service: ServiceKey
    score: float
    testimonies: tuple[Testimony, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Who is the cause of what began at the onset, best first.

    `confidence`: how likely the first suspect is the cause, in [0, 1], from its score and the
    runner-up's. `margin`: by how much it leads. `request_count`, `usual_request_count`: of how many
    entry requests after and before the onset this is concluded.
    """

    question: Question
    finding: Finding
    suspects: tuple[Suspect, ...]
    confidence: float
    margin: float
    sentence: str
    request_count: int
    usual_request_count: int
