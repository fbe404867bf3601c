"""What is asked of engines in process: recorded rows, cut to a question, some taken away.

Rows are made by the receiver's own decoder. A condition says how much worse than at best the
question is put: how late the onset, which rows are missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl
import pyarrow as pa

from analysis.diagnosis.telemetry import Telemetry, empty, slim
from bench.rca.recording import NS, Fault, Recording
from bench.rca.replay import ASK_AFTER_S
from knowledge.diagnosis import Question
from knowledge.schemas import SIGNALS, Signal
from receiver.decode import decode

LOOKBACK_NS: Final = 1800 * NS
PLACEBO_STEP_S: Final = 60
PLACEBO_LEAD_S: Final = 600
CLEAR_S: Final = 300.0
FIFTHS: Final = 5
Change = Callable[[Telemetry], Telemetry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a question is put. `changes`: each gives the rows of one asking; all of them count."""

    name: str
    changes: tuple[Change, ...]
    late_s: float = 0.0


def _same(telemetry: Telemetry) -> Telemetry:
    return telemetry


def _fifth(share: int) -> Change:
    def change(telemetry: Telemetry) -> Telemetry:
        is_kept = pl.col("trace").hash(7) % FIFTHS == share
        return replace(telemetry, spans=telemetry.spans.filter(is_kept))

    return change


def _without(*signals: str) -> Change:
    def change(telemetry: Telemetry) -> Telemetry:
        names: dict[str, Signal] = {"spans": "traces", "logs": "logs", "metrics": "metrics"}
        return replace(telemetry, **{name: empty(names[name]) for name in signals})

    return change


GIVEN: Final = Condition(name="onset given", changes=(_same,))
LATE: Final = Condition(name="60 s late", changes=(_same,), late_s=60.0)
SAMPLED: Final = Condition(
    name="20 % of traces", changes=tuple(_fifth(share) for share in range(FIFTHS))
)
CONDITIONS: Final = (
    GIVEN,
    LATE,
    SAMPLED,
    Condition(name="no logs", changes=(_without("logs"),)),
    Condition(name="no metrics", changes=(_without("metrics"),)),
    Condition(name="traces only", changes=(_without("logs", "metrics"),)),
    Condition(name="metrics only", changes=(_without("spans", "logs"),)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One question with its rows, and the fault that it is about."""

    system: str
    recording: str
    fault: Fault
    told: Telemetry
    question: Question

    @property
    def case(self) -> str:
        """Names the fault; askings under several conditions share it."""
        return f"{self.recording}@{self.fault.start_unix_s:.0f}"


def rows_of(recording: Recording) -> Telemetry:
    """Return all rows of a recording, as a diagnosis holds them."""
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


def askings(recording: Recording, rows: Telemetry, condition: Condition) -> Iterator[Asking]:
    """Put the question of each target fault as the condition has it."""
    for fault in (f for f in recording.faults if f.is_target):
        until = fault.start_unix_s + ASK_AFTER_S
        question = _question(recording, fault.start_unix_s + condition.late_s, until)
        told = _cut(rows, question)
        for change in condition.changes:
            yield Asking(
                system=recording.system,
                recording=recording.name,
                fault=fault,
                told=change(told),
                question=question,
            )


def placebos(recording: Recording, rows: Telemetry) -> Iterator[tuple[Telemetry, Question]]:
    """Yield questions about times at which nothing began; of a gapless recording."""
    onset = recording.start_unix_s + PLACEBO_LEAD_S
    while onset + ASK_AFTER_S < recording.end_unix_s:
        until = onset + ASK_AFTER_S
        touched = any(
            f.start_unix_s - ASK_AFTER_S < until and onset < f.end_unix_s + CLEAR_S
            for f in recording.faults
        )
        if not touched:
            question = _question(recording, onset, until)
            yield _cut(rows, question), question
        onset += PLACEBO_STEP_S


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
