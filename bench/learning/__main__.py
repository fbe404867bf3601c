"""`make bench-learning`: the remedy bandit on made-up incidents, before and after all has changed.

Writes out/bench-learning.json and the regret curve beside it. Peers in the same run: the rules'
fixed order; the bandit without any sign of change; and one that is told of the change, which is as
good as anybody can be who keeps nothing of what was before.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from bench.learning.incidents import Treat, Treated, by_bandit, by_rules, life
from healing.control.changing_record import ChangeSettings
from healing.control.remedy_bandit import BanditSettings, RemedyBandit

mpl.use("svg")
from matplotlib import pyplot as plt

OUT: Final = Path("out")
DRIFT_AT: Final = 300
COUNT: Final = 480
FIRST_SEED: Final = 5_000
STEP: Final = 10
STEADY: Final = BanditSettings(change=ChangeSettings(hazard=1e-9, pooled_hazard=1e-9))
POLICIES: Final[dict[str, tuple[Treat, bool]]] = {
    "rules": (by_rules, False),
    "bandit": (by_bandit(RemedyBandit(BanditSettings())), False),
    "bandit-blind-to-change": (by_bandit(RemedyBandit(STEADY)), False),
    "bandit-told-of-the-change": (by_bandit(RemedyBandit(BanditSettings())), True),
}


def figures(lives: list[list[Treated]]) -> dict[str, Any]:
    """Return shares and curves over the incidents, the mean of all lives."""
    share = [sum(one[n].is_best for one in lives) / len(lives) for n in range(COUNT)]
    regret = [sum(one[n].regret for one in lives) / len(lives) for n in range(COUNT)]
    before = [one[200:DRIFT_AT] for one in lives]
    after = [one[DRIFT_AT + 40 : DRIFT_AT + 140] for one in lives]
    return {
        "best_first_after_200": _mean(t.is_best for one in before for t in one),
        "attempts_after_200": _mean(t.attempts for one in before for t in one),
        "best_first_40_after_drift": _mean(t.is_best for one in after for t in one),
        "lives_below_90_percent_after_drift": sum(
            sum(t.is_best for t in one) < 0.9 * len(one) for one in after
        ),
        "best_first": [round(_mean(share[n : n + STEP]), 4) for n in range(0, COUNT, STEP)],
        "regret": [round(sum(regret[:n]), 3) for n in range(0, COUNT + 1, STEP)],
    }


def _mean(values: Any) -> float:
    told = [float(value) for value in values]
    return round(sum(told) / len(told), 4)


def main() -> int:
    """Run all lives, print the table, write the figures and the curve."""
    parser = argparse.ArgumentParser(prog="bench-learning", description=__doc__)
    parser.add_argument("--lives", type=int, default=40)
    lives = parser.parse_args().lives
    told: dict[str, Any] = {}
    for name, (treat, is_told) in POLICIES.items():
        seeds = range(FIRST_SEED, FIRST_SEED + lives)
        played = [
            life(treat, seed, count=COUNT, drift_at=DRIFT_AT, is_told=is_told) for seed in seeds
        ]
        found = told[name] = figures(played)
        print(
            f"{name:26} best first {found['best_first_after_200']:.3f} after 200 incidents, "
            f"{found['attempts_after_200']:.2f} attempts; 40 after the drift "
            f"{found['best_first_40_after_drift']:.3f} "
            f"({found['lives_below_90_percent_after_drift']} of {lives} lives below 0.90)"
        )
    OUT.mkdir(exist_ok=True)
    (OUT / "bench-learning.json").write_text(json.dumps(told, indent=2) + "\n")
    draw(OUT / "bench-learning.svg", told)
    print(f"written: {OUT}/bench-learning.json and .svg")
    return 0


def draw(path: Path, told: dict[str, Any]) -> None:
    """Draw the cumulated regret and how often the best comes first."""
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["svg.hashsalt"] = path.stem
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 6))
    for name, found in told.items():
        above.plot(range(0, COUNT + 1, STEP), found["regret"], label=name)
        below.plot(range(0, COUNT, STEP), found["best_first"], label=name)
    above.set_ylabel("incidents lost by the first choice")
    below.set_ylabel("best remedy first")
    below.set_xlabel(f"incidents; at {DRIFT_AT} all best remedies change")
    for axis in (above, below):
        axis.axvline(DRIFT_AT, color="0.7", linewidth=0.8)
    above.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
