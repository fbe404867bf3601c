"""`make bench-leak`: memory leaks among realistic pods, and pods without one.

Ramps from the pod's start and from the middle of its life, of several speeds; days without a fault;
each for single pods, and for services of several. The constants were chosen on pods of the seeds 1
and 2; services are drawn from others. Exits 0 whatever it measured; writes out/bench-leak.json.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np

from bench.leak.score import FOUND_MIN, Seen, service_watched, watched

SPEEDS: Final = (0.15, 0.2, 0.3, 0.5)
BEGINNINGS_MIN: Final = (0, 120)
DAY_MIN: Final = 1440


def recall(count: int, pods: int) -> dict[str, dict[str, float]]:
    """Return, for each speed and beginning, the share found in time and the median minutes."""
    found: dict[str, dict[str, float]] = {}
    for speed in SPEEDS:
        for begins in BEGINNINGS_MIN:
            seen = [_leaking(index, pods, speed, begins) for index in range(count)]
            minutes = [_minutes(one, begins) for one in seen]
            found[f"{speed:.0%} an hour from minute {begins}"] = {
                "found_in_time_ratio": float(np.mean([m <= FOUND_MIN for m in minutes])),
                "minutes_median": float(np.median(minutes)),
                "count": count,
            }
    return found


def _leaking(index: int, pods: int, speed: float, begins: int) -> Seen:
    minutes = begins + 2 * FOUND_MIN
    seed = [1 if pods == 1 else 5, index, int(100 * speed), begins]
    rng = np.random.default_rng(seed)
    if pods == 1:
        return watched(rng, minutes=minutes, leak_per_h=speed, leak_from_min=begins)
    return service_watched(rng, pods=pods, minutes=minutes, leak_per_h=speed, leak_from_min=begins)


def _minutes(seen: Seen, begins: int) -> float:
    return float("inf") if seen.first_min is None else float(seen.first_min - begins)


def specificity(count: int, pods: int) -> dict[str, float]:
    """Return how many 60-minute windows without a leak are called leaking."""
    seen = [_healthy(index, pods) for index in range(count)]
    windows, flagged = sum(s.windows for s in seen), sum(s.flagged for s in seen)
    return {
        "windows": windows,
        "flagged": flagged,
        "flagged_ratio": flagged / windows,
        "days": count,
        "days_with_alarm": sum(s.flagged > 0 for s in seen),
    }


def _healthy(index: int, pods: int) -> Seen:
    rng = np.random.default_rng([2 if pods == 1 else 6, index])
    if pods == 1:
        return watched(rng, minutes=DAY_MIN)
    return service_watched(rng, pods=pods, minutes=DAY_MIN)


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(prog="bench.leak", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="pods, and services, of each sort")
    parser.add_argument("--pods", type=int, default=3, help="pods of a service")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    scores = {
        name: {"recall": recall(options.count, pods), "no leak": specificity(options.count, pods)}
        for name, pods in (("single pods", 1), (f"services of {options.pods}", options.pods))
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench-leak.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(json.dumps(scores, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
