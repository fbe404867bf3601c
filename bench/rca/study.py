"""`make bench-rca-study DATA=DIR`: the engine beside simple published ones, without parts of it.

In process, on the rows that receivers make of the recordings, since it asks hundreds of questions.
Nothing is fitted: no constant depends on a recording, so to leave one fault out, or to score one
system with what was fitted on the other, changes no figure. What could still be over-fitted are the
constants as they were written; each has its reason beside it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from analysis.diagnosis.engine import Engine, diagnose
from analysis.diagnosis.simple import n_sigma, ranked_correlation, robust_scale
from analysis.diagnosis.telemetry import Telemetry, empty, slim
from bench.rca.recording import NS, Recording, recordings_in
from bench.rca.replay import ASK_AFTER_S
from bench.rca.score import accuracy, average_at_5, bootstrap, rank_of
from knowledge.diagnosis import Diagnosis, Question
from knowledge.schemas import SIGNALS, Signal
from receiver.decode import decode

LOOKBACK_NS: Final = 1800 * NS
PLACEBO_STEP_S: Final = 60
PLACEBO_LEAD_S: Final = 600
CLEAR_S: Final = 300.0
Change = Callable[[Telemetry], Telemetry]


def _same(telemetry: Telemetry) -> Telemetry:
    return telemetry


def _fifth(telemetry: Telemetry) -> Telemetry:
    is_kept = pl.col("trace").hash(7) % 5 == 0
    return replace(telemetry, spans=telemetry.spans.filter(is_kept))


def _without(*signals: str) -> Change:
    def change(telemetry: Telemetry) -> Telemetry:
        names: dict[str, Signal] = {"spans": "traces", "logs": "logs", "metrics": "metrics"}
        return replace(telemetry, **{name: empty(names[name]) for name in signals})

    return change


STUDIES: Final[tuple[tuple[str, Engine, Change, float], ...]] = (
    ("engine", diagnose, _same, 0.0),
    ("engine, 60 s late", diagnose, _same, 60.0),
    ("engine, 20 % of traces", diagnose, _fifth, 0.0),
    ("engine, no logs", diagnose, _without("logs"), 0.0),
    ("engine, no metrics", diagnose, _without("metrics"), 0.0),
    ("engine, traces only", diagnose, _without("logs", "metrics"), 0.0),
    ("engine, metrics only", diagnose, _without("spans", "logs"), 0.0),
    ("N-sigma", n_sigma, _same, 0.0),
    ("BARO's ranking", robust_scale, _same, 0.0),
    ("ranked correlation", ranked_correlation, _same, 0.0),
)


def _rows(recording: Recording) -> Telemetry:
    frames = {}
    for signal in SIGNALS:
        parts = []
        for body in recording.requests(signal):
            batch = decode(signal, [body], items_max=1_000_000).rows
            frame = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(frame, pl.DataFrame)
            parts.append(slim(signal, frame))
        frames[signal] = pl.concat([empty(signal), *parts])
    return Telemetry(spans=frames["traces"], logs=frames["logs"], metrics=frames["metrics"])


def _cut(rows: Telemetry, question: Question) -> Telemetry:
    begin, end = question.onset_unix_ns - LOOKBACK_NS, question.until_unix_ns

    def inside(frame: pl.DataFrame, column: str) -> pl.DataFrame:
        return frame.filter(pl.col(column).is_between(begin, end, closed="left"))

    return Telemetry(
        spans=inside(rows.spans, "end_unix_ns"),
        logs=inside(rows.logs, "time_unix_ns"),
        metrics=inside(rows.metrics, "time_unix_ns"),
    )


def _question(recording: Recording, onset_s: float, until_s: float) -> Question:
    return Question(
        onset_unix_ns=int(onset_s * NS),
        until_unix_ns=int(until_s * NS),
        leave_out=tuple(
            (int(f.start_unix_s * NS), int(f.end_unix_s * NS))
            for f in recording.faults
            if f.start_unix_s < onset_s - CLEAR_S / 3
        ),
    )


def _cases(recording: Recording, rows: Telemetry) -> list[dict[str, Any]]:
    cases = []
    for fault in (f for f in recording.faults if f.is_target):
        until = fault.start_unix_s + ASK_AFTER_S
        for name, engine, change, late_s in STUDIES:
            question = _question(recording, fault.start_unix_s + late_s, until)
            told = change(_cut(rows, question))
            began = time.perf_counter()
            found = engine(told, question)
            cases.append(
                {
                    "study": name,
                    "system": recording.system,
                    "recording": recording.name,
                    "fault": fault.kind,
                    "rank": rank_of(fault.service, [s.service.name for s in found.suspects]),
                    "confidence": found.confidence,
                    "spans": told.spans.height,
                    "took_s": time.perf_counter() - began,
                }
            )
    return cases


def _placebos(recording: Recording, rows: Telemetry) -> list[Diagnosis]:
    """Diagnoses of onsets at which nothing began, on a gapless recording."""
    answers = []
    onset = recording.start_unix_s + PLACEBO_LEAD_S
    while onset + ASK_AFTER_S < recording.end_unix_s:
        until = onset + ASK_AFTER_S
        touched = any(
            f.start_unix_s - ASK_AFTER_S < until and onset < f.end_unix_s + CLEAR_S
            for f in recording.faults
        )
        if not touched:
            question = _question(recording, onset, until)
            answers.append(diagnose(_cut(rows, question), question))
        onset += PLACEBO_STEP_S
    return answers


def _figures(cases: list[dict[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, *_ in STUDIES:
        for system in sorted({case["system"] for case in cases}):
            ranks = [c["rank"] for c in cases if c["study"] == name and c["system"] == system]
            table.setdefault(name, {})[system] = {
                "case_count": len(ranks),
                "ac1": accuracy(ranks, 1),
                "ac1_interval": bootstrap(ranks, lambda r: accuracy(r, 1)),
                "ac3": accuracy(ranks, 3),
                "avg5": average_at_5(ranks),
            }
    return table


def main() -> int:
    """Run the study on all recordings below a folder."""
    parser = argparse.ArgumentParser(prog="bench.rca.study", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    folders = recordings_in(options.data)
    if not folders:
        print(f"{options.data}: no recordings here", file=sys.stderr)
        return 2
    cases: list[dict[str, Any]] = []
    placebos: list[Diagnosis] = []
    for folder in folders:
        recording = Recording.read(folder)
        rows = _rows(recording)
        cases += _cases(recording, rows)
        if recording.is_gapless:
            placebos += _placebos(recording, rows)
    confident = sum(found.confidence > 0.8 for found in placebos)
    scores: dict[str, Any] = {
        "studies": _figures(cases),
        "placebo": {"windows": len(placebos), "confidence_over_0.8": confident},
        "cases": cases,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench-rca-study.json").write_text(json.dumps(scores, indent=2) + "\n")
    table = Table("study", "system", "cases", "AC@1", "AC@3", "Avg@5")
    for name, systems in scores["studies"].items():
        for system, row in systems.items():
            low, high = row["ac1_interval"]
            shown = (f"{row['ac1']:.2f} ({low:.2f}-{high:.2f})", row["ac3"], row["avg5"])
            table.add_row(name, system, str(row["case_count"]), shown[0], *_two(*shown[1:]))
    console = Console()
    console.print(table)
    console.print(f"{confident} of {len(placebos)} windows without a fault named one over 0.8")
    return 0


def _two(*values: float) -> tuple[str, ...]:
    return tuple(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
