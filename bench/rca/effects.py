"""When a labelled fault could be felt at all: the culprit's own calls, apart from any detector.

Labels say when an injection was asked for. A call is slow here if its gap or own time is far beyond
what the same calls took before the first fault of the recording; the effect begins with the first
of three such calls within half a minute.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.diagnosis.anatomy import dissect
from analysis.diagnosis.telemetry import Telemetry, key_of
from bench.rca.recording import NS, Fault, Recording

AROUND_S: Final = (-120.0, 150.0)
"""From so long before the labelled start until so long after the labelled end."""
SLOW_RATIO: Final = 2.0
SLOW_MS: Final = 100.0
"""A call is slow beyond so many times the usual p99 and so much more."""
TOGETHER_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Seconds since the labelled start; None: no three slow calls were close to each other."""

    first_s: float | None
    last_s: float | None
    slow_count: int
    before_count: int
    """Slow calls in the minute before the labelled start."""


def effects(recording: Recording, rows: Telemetry) -> list[Effect]:
    """Return the effect of each fault of a recording."""
    if not recording.faults:
        return []
    quiet_until_ns = min(fault.start_unix_s for fault in recording.faults) * NS
    spans = dissect(rows.spans).with_columns(pl.col("service", "callee").cast(pl.String))
    return [_effect(spans, fault, quiet_until_ns) for fault in recording.faults]


def _effect(spans: pl.DataFrame, fault: Fault, quiet_until_ns: float) -> Effect:
    kinds = ["service", "callee", "operation"]
    labels = spans.select("service").unique().to_series().to_list()
    own = [label for label in labels if key_of(label).name == fault.service]
    calls = spans.filter(pl.col("service").is_in(own) | pl.col("callee").is_in(own))
    usual = (
        calls.filter(pl.col("end_unix_ns") < quiet_until_ns)
        .group_by(kinds)
        .agg(usual_ms=pl.col("own_ms").quantile(0.99))
    )
    since = pl.col("end_unix_ns") / NS - fault.start_unix_s
    slow = (
        calls.join(usual, on=kinds, nulls_equal=True)
        .filter(pl.col("own_ms") > SLOW_RATIO * pl.col("usual_ms") + SLOW_MS)
        .select(since_s=since)
        .filter(
            pl.col("since_s").is_between(
                AROUND_S[0], fault.end_unix_s - fault.start_unix_s + AROUND_S[1]
            )
        )
        .sort("since_s")
    )["since_s"].to_list()
    first = next(
        (one for one, third in zip(slow, slow[2:], strict=False) if third - one <= TOGETHER_S), None
    )
    return Effect(
        first_s=None if first is None else round(first, 1),
        last_s=round(slow[-1], 1) if first is not None else None,
        slow_count=len(slow),
        before_count=sum(-60.0 <= since_s < 0 for since_s in slow),
    )
