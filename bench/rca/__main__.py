"""`make bench-rca DATA=DIR`: recorded incidents through the real service, scored.

Exits 0 whatever it measured; 2 if DATA holds no recording.
"""

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rca.recording import Recording, RecordingError, recordings_in
from bench.rca.replay import Replayed, replay
from bench.rca.report import summary, write_raw
from bench.rca.service import ServiceError
from homeostat.demo.processes import DemoError


def main() -> int:
    """Replay all recordings below a folder."""
    parser = argparse.ArgumentParser(prog="bench.rca", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder of recordings, or one recording")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--only", default="", help="recordings whose name contains this")
    options = parser.parse_args()
    folders = [p for p in recordings_in(options.data) if options.only in p.name]
    if not folders:
        print(f"{options.data}: no recordings here (see bench/rca/README.md)", file=sys.stderr)
        return 2
    console = Console()
    results: list[Replayed] = []
    skipped: dict[str, str] = {}
    for folder in folders:
        try:
            replayed = replay(Recording.read(folder))
        except (RecordingError, ServiceError, DemoError, OSError) as error:
            skipped[folder.name] = str(error)
            console.print(f"{folder.name}: skipped: {error}", markup=False)
            continue
        results.append(replayed)
        write_raw(options.out, replayed)
        console.print(f"{folder.name}: {replayed.took_s:.0f} s", markup=False)
    scores = summary(results) | {"skipped": skipped, "machine": _machine()}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench-rca.json").write_text(json.dumps(scores, indent=2) + "\n")
    _show(console, scores)
    return 0


def _machine() -> dict[str, Any]:
    return {"python": platform.python_version(), "system": platform.platform()}


def _show(console: Console, scores: dict[str, Any]) -> None:
    cases = Table("recording", "fault", "culprit", "rank", "confidence", "first", "onset", "s")
    for case in scores["cases"]:
        cases.add_row(
            case["recording"],
            case["fault"],
            case["service"],
            str(case["rank"]),
            f"{case['confidence']:.2f}",
            case["first"] or "",
            "own" if case["is_own_onset"] else "given",
            f"{case['took_s']:.2f}",
        )
    console.print(cases)
    ranking = Table("system", "onset", "cases", "AC@1", "AC@3", "Avg@5", "chance AC@1")
    for title, key in (("given", "ranking"), ("own", "ranking_own_onset")):
        for system, row in scores[key].items():
            if row["case_count"]:
                low, high = row["ac1_interval"]
                ranking.add_row(
                    system,
                    title,
                    str(row["case_count"]),
                    f"{row['ac1']:.2f} ({low:.2f} to {high:.2f})",
                    f"{row['ac3']:.2f}",
                    f"{row['avg5']:.2f}",
                    f"{row['chance_ac1']:.2f}",
                )
    console.print(ranking)
    for part in scores["detection"]:
        delays = [fault["delay_s"] for fault in part["faults"]]
        shown = ", ".join("missed" if d is None else f"{d:.0f} s" for d in delays) or "no faults"
        console.print(
            f"{part['recording']}: {shown}; false issues {len(part['false_issues'])} "
            f"in {part['quiet_h']} quiet hours, plans in quiet {part['plans_in_quiet']}",
            markup=False,
        )
    console.print(scores["detection_all"])


if __name__ == "__main__":
    sys.exit(main())
