"""`make campaigns`: thousands of stories, scored by the twin's truth, into out/campaigns.json."""

import argparse
import asyncio
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from bench.campaigns.draw import fault, lie, loss, storm
from bench.campaigns.run import Played, play
from bench.campaigns.scenario import Place, Scenario
from bench.campaigns.score import summary
from bench.campaigns.simulation import Simulation, warmed
from bench.campaigns.swarm import SWARM
from bench.campaigns.town import TOWN

WARM_S: Final = 120.0
CHUNK: Final = 25
CAMPAIGNS: Final[dict[str, tuple[Callable[[int], Scenario], int]]] = {
    "loss": (loss, 700),
    "faults": (fault, 300),
    "forged": (lie, 1000),
    "storm": (storm, 40),
}
"""What is drawn, and how many stories are told by default."""
ALLOWED: Final = frozenset(
    service.name for system in (TOWN, SWARM) for service in system.services if service.is_opted_in
)


PLACES: Final[dict[Place, Callable[[int], Simulation]]] = {
    "town": lambda seed: Simulation(TOWN, seed),
    "swarm": lambda seed: Simulation(SWARM, seed),
    "swarm without its gateway": lambda seed: Simulation(
        SWARM, seed, silent=frozenset({"gateway"})
    ),
}
Warm = dict[tuple[Place, int], Simulation]


async def tell(scenarios: Iterable[Scenario], warm: Warm) -> list[Played]:
    """Play all scenarios, each from a copy of its warm start."""
    played = []
    for scenario in scenarios:
        key = scenario.place, scenario.warm
        if key not in warm:
            warm[key] = await warmed(PLACES[scenario.place](scenario.warm), WARM_S)
            gc.collect()
            gc.freeze()  # what stays need not be looked through again and again
        played.append(await play(scenario, warm[key]))
    return played


def run(names: Iterable[str], *, share: float, first: int, out: Path) -> None:
    """Tell the campaigns of `names`; what came of them is written down every few stories."""
    report: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    warm: Warm = {}
    for name in names:
        draw, count = CAMPAIGNS[name]
        began = time.monotonic()
        played: list[Played] = []
        for seeds in batched(range(first, first + max(1, round(share * count))), CHUNK):
            played += asyncio.run(tell(map(draw, seeds), warm))
            report[name] = {
                "first_seed": first,
                **summary(played, allowed=ALLOWED),
                "wall_s": round(time.monotonic() - began, 1),
                "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python "
                f"{platform.python_version()}, polars {pl.__version__}",
            }
            out.write_text(json.dumps(report, indent=2) + "\n")
            sys.stderr.write(f"{name}: {_line(report[name])}\n")


def batched(seeds: range, size: int) -> Iterator[range]:
    """Yield `seeds` in parts of at most `size`."""
    for begin in range(0, len(seeds), size):
        yield seeds[begin : begin + size]


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
