"""`make campaigns`: thousands of stories, scored by the twin's truth, into out/campaigns.json."""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from bench.campaigns.draw import fault, lie, loss
from bench.campaigns.run import Played, play
from bench.campaigns.scenario import Scenario
from bench.campaigns.score import summary
from bench.campaigns.simulation import Simulation, warmed
from bench.campaigns.town import TOWN

WARM_S: Final = 120.0
CAMPAIGNS: Final[dict[str, tuple[Callable[[int], Scenario], int]]] = {
    "loss": (loss, 700),
    "faults": (fault, 300),
    "forged": (lie, 1000),
}
"""What is drawn, and how many stories are told by default."""
ALLOWED: Final = frozenset(service.name for service in TOWN.services if service.is_opted_in)


async def tell(scenarios: Iterable[Scenario], warm: dict[int, Simulation]) -> list[Played]:
    """Play all scenarios, each from a copy of its warm start."""
    played = []
    for scenario in scenarios:
        if scenario.warm not in warm:
            warm[scenario.warm] = await warmed(Simulation(TOWN, scenario.warm), WARM_S)
            gc.collect()
            gc.freeze()  # what stays need not be looked through again and again
        played.append(await play(scenario, warm[scenario.warm]))
        if len(played) % 50 == 0:
            sys.stderr.write(f"{len(played)} stories\n")
    return played


def run(names: Iterable[str], *, share: float, first: int, out: Path) -> dict[str, Any]:
    """Tell the campaigns of `names` and write what came of them."""
    report: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    warm: dict[int, Simulation] = {}
    for name in names:
        draw, count = CAMPAIGNS[name]
        began = time.monotonic()
        seeds = range(first, first + max(1, round(share * count)))
        played = asyncio.run(tell((draw(seed) for seed in seeds), warm))
        report[name] = summary(played, allowed=ALLOWED)
        report[name]["wall_s"] = round(time.monotonic() - began, 1)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=2) + "\n")
        sys.stdout.write(f"{name}: {_line(report[name])}\n")
    return report


def _line(figures: dict[str, Any]) -> str:
    return (
        f"{figures['stories']} stories, {figures['wrong_actions']} wrong actions, "
        f"{len(figures['budget_overruns'])} budget overruns, "
        f"{figures['outside_allow_list']} outside the allow-list, "
        f"{figures['healed_of_visible']} of {figures['faulty_and_visible']} visible faults healed, "
        f"{figures['cpu_s']} s of CPU"
    )


def main() -> int:
    """Run what the command line asks for; 0 whatever was measured."""
    parser = argparse.ArgumentParser(prog="bench.campaigns", description=__doc__)
    parser.add_argument("campaigns", nargs="*", help=", ".join(CAMPAIGNS))
    parser.add_argument("--share", type=float, default=1.0, help="of the stories (default: all)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--out", type=Path, default=Path("out/campaigns.json"))
    options = parser.parse_args()
    run(options.campaigns or CAMPAIGNS, share=options.share, first=options.first, out=options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
