"""`make bench-leak`: memory leaks among realistic pods, and pods without one.

Ramps from the pod's start and from the middle of its life, of several speeds; days without a fault.
Exits 0 whatever it measured; writes out/bench-leak.json.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np

from bench.leak.score import FOUND_MIN, Seen, watched

SPEEDS: Final = (0.15, 0.2, 0.3, 0.5)
BEGINNINGS_MIN: Final = (0, 120)
DAY_MIN: Final = 1440


def recall(pods: int) -> dict[str, dict[str, float]]:
    """Return, for each speed and beginning, the share found in time and the median minutes."""
    found: dict[str, dict[str, float]] = {}
    for speed in SPEEDS:
        for begins in BEGINNINGS_MIN:
            seen = [
                watched(
                    np.random.default_rng([1, pod, int(100 * speed), begins]),
                    minutes=begins + 2 * FOUND_MIN,
                    leak_per_h=speed,
                    leak_from_min=begins,
                )
                for pod in range(pods)
            ]
            minutes = [_minutes(one, begins) for one in seen]
            found[f"{speed:.0%} an hour from minute {begins}"] = {
                "found_in_time_ratio": float(np.mean([m <= FOUND_MIN for m in minutes])),
                "minutes_median": float(np.median(minutes)),
                "pods": pods,
            }
    return found


def _minutes(seen: Seen, begins: int) -> float:
    return float("inf") if seen.first_min is None else float(seen.first_min - begins)


def specificity(pods: int) -> dict[str, float]:
    """Return how many 60-minute windows of pods without a leak are called leaking."""
    seen = [watched(np.random.default_rng([2, pod]), minutes=DAY_MIN) for pod in range(pods)]
    windows, flagged = sum(s.windows for s in seen), sum(s.flagged for s in seen)
    return {
        "windows": windows,
        "flagged": flagged,
        "flagged_ratio": flagged / windows,
        "pod_days": pods,
        "pod_days_with_alarm": sum(s.flagged > 0 for s in seen),
    }


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(prog="bench.leak", description=__doc__)
    parser.add_argument("--pods", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    found = recall(options.pods)
    in_time = [row["found_in_time_ratio"] for row in found.values()]
    scores = {
        "recall": found,
        "found_in_time_ratio": float(np.mean(in_time)),
        "without_leak": specificity(options.pods),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench-leak.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(json.dumps(scores, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
