"""`make bench-absence`: is a dead service told from a silent pipeline?

Seeded runs in which telemetry is cut, late, sampled one to a hundred, or half of the services are
silent: once with nothing wrong, where no ServiceDown may be told, and once with a service that is
really dead, which must be found. Writes out/bench-absence.json as it goes; exits 0 whatever it
measured.
"""

import argparse
import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from bench.campaigns.scenario import Scenario, Trouble
from bench.campaigns.simulation import Simulation, warmed
from bench.campaigns.town import TOWN
from bench.faults.plays import play
from bench.faults.run import SETTINGS, WARM_S

LENGTH_S: Final = 150.0
TROUBLE_S: Final = 20.0
DEATH_S: Final = 40.0
KINDS: Final = ("cut", "delayed", "sampled", "half silent")
MORTAL: Final = ("search", "catalog", "orders", "stock", "payment")


def troubles_of(kind: str, rng: Random) -> tuple[Trouble, ...]:
    """Draw a disturbance of the telemetry; it begins before anything else and stays."""
    names = [service.name for service in TOWN.services]
    some = frozenset(rng.sample(names, rng.randint(1, len(names))))
    half = frozenset(rng.sample(names, len(names) // 2))
    end_s = LENGTH_S if rng.random() < 0.5 else rng.uniform(60.0, LENGTH_S)
    match kind:
        case "cut":
            return (Trouble(kind="silent", begin_s=TROUBLE_S, end_s=end_s, services=some),)
        case "delayed":
            late_s = rng.uniform(10.0, 90.0)
            return (
                Trouble(
                    kind="delayed", begin_s=TROUBLE_S, end_s=end_s, services=some, amount=late_s
                ),
            )
        case "sampled":
            return (Trouble(kind="sampled", begin_s=TROUBLE_S, end_s=LENGTH_S, amount=0.01),)
        case _:
            return (Trouble(kind="silent", begin_s=TROUBLE_S, end_s=LENGTH_S, services=half),)


async def down_told(warm: Simulation, kind: str, seed: int, victim: str) -> dict[str, float]:
    """Play one run; return when which service was first told to be down, seconds from the start."""
    rng = Random(f"{seed} absence {kind}")
    scenario = Scenario(
        name=kind, seed=seed, warm=0, length_s=LENGTH_S, troubles=troubles_of(kind, rng)
    )
    story = warm.fork(scenario)
    told: dict[str, float] = {}
    is_dead = not victim
    while story.now_s < LENGTH_S:
        if not is_dead and story.now_s >= DEATH_S:
            play(story.world, "dead_service", victim)
            is_dead = True
        await story.step()
        outputs = story.control.outputs
        assert outputs is not None  # it has looked
        for symptom in outputs.symptoms:
            if symptom.kind == "ServiceDown" and symptom.health == "unhealthy":
                told.setdefault(symptom.service.name, round(story.now_s, 1))
    return told


async def measure(runs: int, out: Path) -> dict[str, object]:
    """Play `runs` runs of each sort, half of them without a cluster to ask."""
    with_cluster = await warmed(Simulation(TOWN, 1, SETTINGS), WARM_S)
    blind = await warmed(Simulation(TOWN, 1, SETTINGS, has_cluster=False), WARM_S)
    false: list[tuple[str, int, str]] = []
    found: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    delays: list[float] = []
    scores: dict[str, object] = {}
    for seed in range(runs):
        kind = KINDS[seed % len(KINDS)]
        warm, has_cluster = (with_cluster, True) if seed // 4 % 2 == 0 else (blind, False)
        told = await down_told(warm, kind, seed, "")
        false += [(kind, seed, name) for name in told]
        victim = MORTAL[seed % len(MORTAL)]
        told = await down_told(warm, kind, seed, victim)
        group = f"{kind}, {'with' if has_cluster else 'without'} cluster"
        dead[group] += 1
        found[group] += victim in told
        if victim in told:
            delays.append(told[victim] - DEATH_S)
        false += [(kind, seed, name) for name in told if name != victim]
        ordered = sorted(delays) or [0.0]
        scores = {
            "runs_without_death": seed + 1,
            "false_service_down": len(false),
            "false": false,
            "runs_with_death": seed + 1,
            "found": {group: [found[group], count] for group, count in sorted(dead.items())},
            "found_ratio": sum(found.values()) / sum(dead.values()),
            "found_ratio_with_cluster": _ratio(found, dead, ", with cluster"),
            "delay_s_median": ordered[len(ordered) // 2],
            "delay_s_p95": ordered[int(len(ordered) * 0.95)],
        }
        out.mkdir(parents=True, exist_ok=True)
        (out / "bench-absence.json").write_text(json.dumps(scores, indent=2) + "\n")
    return scores


def _ratio(found: Counter[str], dead: Counter[str], ending: str) -> float:
    count = sum(n for group, n in dead.items() if group.endswith(ending))
    return sum(n for group, n in found.items() if group.endswith(ending)) / max(1, count)


def main() -> int:
    """Measure, and print the sums."""
    parser = argparse.ArgumentParser(prog="bench.faults.absence", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.runs, options.out)), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
