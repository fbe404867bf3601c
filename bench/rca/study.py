"""`make bench-rca-study DATA=DIR`: the engine beside simple published ones, with less to go by.

In process, on the rows that receivers make of the recordings, since it asks thousands of questions:
the engine under each condition (`questions`), simple engines with all there is, constants refitted
without each fault and on the other system (`refit`), and times at which nothing began. Exits 0
whatever it measured; 2 if DATA holds no recording.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from analysis.diagnosis.engine import Engine, diagnose
from analysis.diagnosis.simple import n_sigma, ranked_correlation, robust_scale
from bench.rca import refit
from bench.rca.effects import effects
from bench.rca.questions import (
    CONDITIONS,
    GIVEN,
    LATE,
    SAMPLED,
    Asking,
    Condition,
    askings,
    placebos,
    rows_of,
)
from bench.rca.recording import Recording, recordings_in
from bench.rca.report import CONFIDENCE_EDGES
from bench.rca.score import RESAMPLES, accuracy, average_at_5, chance, rank_of
from knowledge.diagnosis import Diagnosis

SIMPLE: Final[tuple[tuple[str, Engine], ...]] = (
    ("N-sigma", n_sigma),
    ("BARO's ranking", robust_scale),
    ("ranked correlation", ranked_correlation),
)
TO_FIT: Final = (
    GIVEN,
    LATE,
    Condition(name="a fifth of traces", changes=SAMPLED.changes[:1]),
)
SURE: Final = 0.8


def _case(study: str, engine: Engine, asking: Asking) -> dict[str, Any]:
    began = time.process_time()
    found = engine(asking.told, asking.question)
    names = [suspect.service.name for suspect in found.suspects]
    return {
        "study": study,
        "system": asking.system,
        "case": asking.case,
        "fault": asking.fault.kind,
        "rank": rank_of(asking.fault.service, names),
        "first": names[0] if names else None,
        "confidence": found.confidence,
        "services": len(names),
        "spans": asking.told.spans.height,
        "cpu_s": round(time.process_time() - began, 4),
    }


def _figures(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores of one study on one system; several askings of a case are resampled together."""
    by_case: dict[str, list[int | None]] = {}
    for case in cases:
        by_case.setdefault(case["case"], []).append(case["rank"])
    ranks = [case["rank"] for case in cases]
    services = [case["services"] for case in cases]
    chosen, groups = random.Random(1), list(by_case.values())
    drawn = [
        [rank for group in chosen.choices(groups, k=len(groups)) for rank in group]
        for _ in range(RESAMPLES)
    ]

    def interval(values: list[float]) -> tuple[float, float]:
        ordered = sorted(values)
        return ordered[int(0.025 * RESAMPLES)], ordered[int(0.975 * RESAMPLES) - 1]

    return {
        "case_count": len(by_case),
        "asking_count": len(cases),
        "ac1": accuracy(ranks, 1),
        "ac1_interval": interval([accuracy(r, 1) for r in drawn]),
        "ac3": accuracy(ranks, 3),
        "ac3_interval": interval([accuracy(r, 3) for r in drawn]),
        "avg5": average_at_5(ranks),
        "avg5_interval": interval([average_at_5(r) for r in drawn]),
        "chance_ac1": chance(services, 1),
        "chance_ac3": chance(services, 3),
        "chance_avg5": sum(chance(services, most) for most in range(1, 6)) / 5,
        "cpu_s_max": max(case["cpu_s"] for case in cases),
    }


def _calibration(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How often the first was right, by the confidence that it was named with."""
    table = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        inside = [case for case in cases if low <= case["confidence"] < high]
        right = sum(case["rank"] == 1 for case in inside)
        table.append({"from": low, "to": min(1.0, high), "count": len(inside), "right": right})
    brier = sum((case["confidence"] - (case["rank"] == 1)) ** 2 for case in cases) / len(cases)
    return {"table": table, "brier": brier}


def _scored(asked: Sequence[Asking]) -> refit.Scores:
    """By case, the share of its askings in which the culprit stood first."""
    hits: dict[str, list[bool]] = {}
    for asking in asked:
        case = _case("", diagnose, asking)
        hits.setdefault(asking.case, []).append(case["rank"] == 1)
    return {case: sum(own) / len(own) for case, own in hits.items()}


def measured(folders: Sequence[Path], *, is_refitted: bool) -> dict[str, Any]:
    """Ask everything of all recordings."""
    cases: list[dict[str, Any]] = []
    to_fit: list[Asking] = []
    quiet: list[Diagnosis] = []
    felt: list[dict[str, Any]] = []
    for folder in folders:
        recording = Recording.read(folder)
        rows = rows_of(recording)
        for condition in CONDITIONS:
            asked = tuple(askings(recording, rows, condition))
            cases += [_case(f"engine, {condition.name}", diagnose, asking) for asking in asked]
            if condition is GIVEN:
                cases += [_case(name, engine, a) for name, engine in SIMPLE for a in asked]
        to_fit += [a for condition in TO_FIT for a in askings(recording, rows, condition)]
        if recording.is_gapless:
            quiet += [diagnose(told, question) for told, question in placebos(recording, rows)]
            seen = zip(recording.faults, effects(recording, rows), strict=True)
            felt += [{"recording": recording.name, **asdict(f), **asdict(e)} for f, e in seen]
    studies: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(case["study"] for case in cases):
        own = [case for case in cases if case["study"] == name]
        studies[name] = {
            system: _figures([case for case in own if case["system"] == system])
            for system in sorted({case["system"] for case in own})
        }
    of_engine = [case for case in cases if case["study"].startswith("engine")]
    scores: dict[str, Any] = {
        "studies": studies,
        "confidence": _calibration(of_engine),
        "placebo": {
            "windows": len(quiet),
            "confidence_over_0.8": sum(found.confidence > SURE for found in quiet),
            "confidence_max": max((found.confidence for found in quiet), default=0.0),
            "named": sum(found.finding == "cause" for found in quiet),
        },
        "effects": felt,
        "cases": cases,
    }
    if is_refitted:
        table = refit.swept(lambda: _scored(to_fit))
        system_of = {asking.case: asking.system for asking in to_fit}
        scores["refitted"] = refit.held_out(table, system_of)
        scores["sweep"] = {setting: sum(own.values()) / len(own) for setting, own in table.items()}
    return scores


def _show(console: Console, scores: dict[str, Any]) -> None:
    table = Table("study", "system", "cases", "AC@1", "AC@3", "Avg@5", "by lot")
    for name, systems in scores["studies"].items():
        for system, row in systems.items():
            shown = [
                f"{row[key]:.2f} ({row[f'{key}_interval'][0]:.2f}-{row[f'{key}_interval'][1]:.2f})"
                for key in ("ac1", "ac3", "avg5")
            ]
            table.add_row(name, system, str(row["case_count"]), *shown, f"{row['chance_ac1']:.2f}")
    console.print(table)
    if "refitted" in scores:
        refitted = Table("system", "shipped", "each fault left out", "fitted elsewhere", "lowest")
        for system, row in scores["refitted"].items():
            abroad = row["fitted_elsewhere_ac1"]
            refitted.add_row(
                system,
                f"{row['shipped_ac1']:.3f}",
                f"{row['leave_one_out_ac1']:.3f}",
                "" if abroad is None else f"{abroad:.3f} ({row['fitted_elsewhere_chosen']})",
                f"{row['lowest_ac1']:.3f} ({row['lowest_setting']})",
            )
        console.print(refitted)
    felt = Table("fault", "service", "calls slow from", "until", "slow in the minute before")
    for row in scores["effects"]:
        times = (f"{row[key]} s" if row[key] is not None else "" for key in ("first_s", "last_s"))
        felt.add_row(row["kind"], row["service"], *times, str(row["before_count"]))
    console.print(felt)
    sure = Table("confidence", "asked", "right")
    for row in scores["confidence"]["table"]:
        sure.add_row(f"{row['from']:.1f} to {row['to']:.1f}", str(row["count"]), str(row["right"]))
    console.print(sure)
    quiet = scores["placebo"]
    console.print(
        f"{quiet['confidence_over_0.8']} of {quiet['windows']} windows without a fault named one "
        f"over 0.8, {quiet['named']} named one at all"
    )


def main() -> int:
    """Run the study on all recordings below a folder."""
    parser = argparse.ArgumentParser(prog="bench.rca.study", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--no-refit", action="store_true", help="leave out what takes longest")
    options = parser.parse_args()
    folders = recordings_in(options.data)
    if not folders:
        print(f"{options.data}: no recordings here", file=sys.stderr)
        return 2
    scores = measured(folders, is_refitted=not options.no_refit)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench-rca-study.json").write_text(json.dumps(scores, indent=2) + "\n")
    _show(Console(), scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
