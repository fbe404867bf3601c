"""Series of samples of one container: what the shared vectors of right-sizing are made from.

`python -m tests.healing.control.vpa_cases` prints them as JSON for tests/parts/vpa, which plays
them to the recommender of the VerticalPodAutoscaler.
"""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
START_S: Final = 1_700_000_000
MIB: Final = 2**20
GIB: Final = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One of: cores in use, bytes in use, or a kill at a limit of so many bytes."""

    at_s: int
    cores: float | None = None
    used: float | None = None
    killed: float | None = None


def cores(*values: float, every_s: int = 60, from_s: int = START_S) -> list[Sample]:
    """CPU in whole milli-cores: VPA cuts off what is less."""
    return [Sample(at_s=from_s + i * every_s, cores=round(v, 3)) for i, v in enumerate(values)]


def used(*values: float, every_s: int = HOUR_S, from_s: int = START_S) -> list[Sample]:
    """Memory in whole bytes."""
    return [Sample(at_s=from_s + i * every_s, used=float(int(v))) for i, v in enumerate(values)]


def kill(limit: float, after_s: int) -> Sample:
    """A container that was out of memory at this limit."""
    return Sample(at_s=START_S + after_s, killed=float(int(limit)))


def _wave(mean: float, swing: float, hours: int) -> list[float]:
    return [mean + swing * math.sin(2 * math.pi * hour / 24) for hour in range(hours)]


def _chance(seed: int, count: int, mean: float) -> list[float]:
    rng = Random(seed)
    return [rng.expovariate(1.0 / mean) for _ in range(count)]


def _cpu_cases() -> Iterator[tuple[str, list[Sample]]]:
    yield "cpu: one sample", cores(0.5)
    yield "cpu: idle, below the least", cores(*[0.0] * 600)
    yield "cpu: at the end of the first bucket", cores(*[0.010] * 30)
    yield "cpu: at the end of the second bucket", cores(*[0.0205] * 30)
    yield "cpu: steady for a day", cores(*[1.0] * 288, every_s=300)
    yield "cpu: steady for a minute a sample", cores(*[1.0] * 1500)
    yield "cpu: one in ten doubled", cores(*[2.0 if i % 10 == 0 else 1.0 for i in range(400)])
    yield "cpu: one in twenty doubled", cores(*[2.0 if i % 20 == 0 else 1.0 for i in range(400)])
    yield "cpu: a working day", cores(*_wave(2.0, 1.5, 24 * 5), every_s=HOUR_S)
    yield "cpu: a half-life old and new", cores(1.0, 4.0, every_s=DAY_S)
    yield "cpu: less for two days", cores(*[4.0] * 48, *[1.0] * 48, every_s=HOUR_S)
    yield "cpu: less for eight days", cores(*[4.0] * 24, *[1.0] * 192, every_s=HOUR_S)
    yield "cpu: hardly any after long", cores(*[3.0] * 5, every_s=10 * DAY_S)
    yield "cpu: beyond the shift of the reference", cores(4.0, 1.0, 1.0, every_s=101 * DAY_S)
    yield "cpu: by chance", cores(*_chance(1, 500, 0.7), every_s=600)
    yield "cpu: more than there is room for", cores(*[1500.0] * 20)
    yield (
        "cpu: twice the same time",
        [*cores(1.0, 1.0), *cores(9.0, 9.0), *cores(1.0, from_s=START_S + 600)],
    )


def _memory_cases() -> Iterator[tuple[str, list[Sample]]]:
    yield "memory: one sample", used(GIB)
    yield "memory: below the least", used(*[20 * MIB] * 30)
    yield "memory: a peak a day", used(*_wave(2.0 * GIB, 0.5 * GIB, 24 * 6))
    yield (
        "memory: grows by a tenth a day",
        used(*[GIB * 1.1**day for day in range(9)], every_s=DAY_S),
    )
    yield "memory: rises within a day", used(*[GIB + hour * 50 * MIB for hour in range(23)])
    yield (
        "memory: a hole of four days",
        [*used(GIB, 2 * GIB), *used(GIB, GIB, from_s=START_S + 4 * DAY_S)],
    )
    yield "memory: by chance", used(*_chance(2, 300, 3.0 * GIB))
    yield "memory: more than there is room for", used(*[2e12] * 3, every_s=DAY_S)
    yield "memory: out of order", [*used(GIB, 2 * GIB), *used(8 * GIB, from_s=START_S + 60)]
    yield "kill: by a fifth", [*used(GIB), kill(2 * GIB, 600)]
    yield "kill: by 100 MiB at least", [*used(100 * MIB), kill(300 * MIB, 600)]
    yield "kill: peak above the limit", [*used(3 * GIB), kill(2 * GIB, 600)]
    yield "kill: nothing was seen before", [kill(2 * GIB, 0)]
    yield (
        "kill: again at the same limit",
        [*used(GIB), *[kill(2 * GIB, 60 * n) for n in range(1, 30)]],
    )
    yield (
        "kill: limit raised each time",
        [*used(GIB), *[kill(n * GIB, 600 * n) for n in range(1, 5)]],
    )
    yield "kill: at the begin of the next day", [*used(6 * GIB), kill(GIB, DAY_S + 60)]
    yield "kill: too old", [*used(GIB, from_s=START_S + 3 * DAY_S), kill(8 * GIB, DAY_S)]
    yield (
        "kill: less than a day old",
        [*used(GIB, from_s=START_S + 3 * DAY_S), kill(8 * GIB, 2 * DAY_S + 60)],
    )
    yield (
        "kill: then a peak above it",
        [*used(GIB), kill(2 * GIB, 600), *used(4 * GIB, from_s=START_S + 900)],
    )
    yield (
        "kill: then days below",
        [*used(GIB), kill(2 * GIB, 600), *used(*[GIB] * 8, every_s=DAY_S, from_s=START_S + DAY_S)],
    )


def cases() -> dict[str, list[Sample]]:
    """Return all cases by name."""
    return dict([*_cpu_cases(), *_memory_cases()])


if __name__ == "__main__":
    rows = []
    for name, samples in cases().items():
        told = [
            {"at_s": s.at_s, "cores": s.cores, "bytes": s.used, "killed": s.killed} for s in samples
        ]
        rows.append({"name": name, "samples": told})
    json.dump(rows, sys.stdout)
