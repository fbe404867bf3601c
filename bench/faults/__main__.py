"""`make bench-faults`: the fault library through the real analysis, in process.

Exits 0 whatever it measured. Writes out/bench-faults.json after every case, so that a run that is
ended early has measured what it has measured.
"""

import argparse
import asyncio
import json
import platform
from dataclasses import asdict
from pathlib import Path

from bench.campaigns.simulation import Simulation, warmed
from bench.faults.library import LIBRARY
from bench.faults.run import SETTINGS, WARM_S, Told, scored, told
from bench.faults.systems import SYSTEMS


async def measure(seeds: int, only: str, out: Path) -> dict[str, object]:
    """Play the library, each case with each seed, and keep the scores up to date."""
    cases = {case.name: case for case in LIBRARY if only in case.name}
    warm: dict[str, Simulation] = {}
    results: list[Told] = []
    scores: dict[str, object] = {}
    for seed in range(seeds):
        for case in cases.values():
            if case.system not in warm:
                fresh = Simulation(SYSTEMS[case.system], 1, SETTINGS)
                warm[case.system] = await warmed(fresh, WARM_S)
            results.append(await told(case, seed, warm[case.system]))
            run = results[-1]
            print(
                f"{run.case} #{seed}: symptom {run.symptom_s} s, issue {run.issue_s} s, "
                f"named {run.named or 'nobody'} ({run.confidence:.2f}), {run.issues} issues, "
                f"{' '.join(run.symptoms)}, {run.cpu_s} s",
                flush=True,
            )
            scores = scored(results, cases) | {
                "seeds": seed + 1,
                "machine": platform.platform(),
                "runs": [asdict(result) for result in results],
            }
            out.mkdir(parents=True, exist_ok=True)
            (out / "bench-faults.json").write_text(json.dumps(scores, indent=2) + "\n")
    return scores


def main() -> int:
    """Measure, and print the sums."""
    parser = argparse.ArgumentParser(prog="bench.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    scores = asyncio.run(measure(options.seeds, options.only, options.out))
    print(json.dumps({k: v for k, v in scores.items() if k != "runs"}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
