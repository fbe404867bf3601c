"""Simple published ways to a cause, to compare the engine with: they know series, no topology.

All judge the same series per service: mean duration of visits, failed visits, error records and
each metric, in steps of ten seconds. n_sigma: the largest z-score. robust_scale: the same with
median and interquartile range (BARO's ranking, Pham et al., FSE 2024). ranked_correlation: how
strongly a series rises and falls with the entry's duration (Spearman; the strong baseline of
PetShop, Hardt et al., CLeaR 2024).
"""

from typing import Final

import polars as pl

from analysis.diagnosis.telemetry import Telemetry, key_of
from analysis.visits import VISIT_KINDS
from knowledge.diagnosis import Diagnosis, Question, Suspect

STEP_NS: Final = 10 * 10**9
SIGMA_MIN: Final = 1e-3
ERROR_SEVERITY: Final = 17


def n_sigma(telemetry: Telemetry, question: Question) -> Diagnosis:
    """Rank by the largest deviation in standard deviations."""
    usual = pl.col("value").filter(~pl.col("is_after"))
    after = pl.col("value").filter(pl.col("is_after"))
    return _ranked(telemetry, question, (after.max() - usual.mean()).abs(), usual.std())


def robust_scale(telemetry: Telemetry, question: Question) -> Diagnosis:
    """Rank by the largest deviation from the median in interquartile ranges."""
    usual = pl.col("value").filter(~pl.col("is_after"))
    after = pl.col("value").filter(pl.col("is_after"))
    spread = usual.quantile(0.75) - usual.quantile(0.25)
    return _ranked(telemetry, question, (after.max() - usual.median()).abs(), spread)


def ranked_correlation(telemetry: Telemetry, question: Question) -> Diagnosis:
    """Rank by the rank correlation with how long entry requests take."""
    series = _series(telemetry, question)
    entry = _entry(telemetry).rename({"value": "felt"})
    both = series.join(entry, on="step")
    scores = both.group_by("service", "series").agg(
        score=pl.corr("value", "felt", method="spearman").abs()
    )
    return _concluded(question, scores)


def _ranked(
    telemetry: Telemetry, question: Question, distance: pl.Expr, spread: pl.Expr
) -> Diagnosis:
    series = _series(telemetry, question)
    relative = pl.max_horizontal(spread.fill_null(0.0), pl.lit(SIGMA_MIN))
    scores = series.group_by("service", "series").agg(score=distance / relative)
    return _concluded(question, scores)


def _series(telemetry: Telemetry, question: Question) -> pl.DataFrame:
    """One row per service, series and step: service, series, step, value, is_after."""
    visits = telemetry.spans.filter(pl.col("kind").is_in(VISIT_KINDS)).with_columns(
        step=pl.col("end_unix_ns") // STEP_NS,
        ms=(pl.col("end_unix_ns") - pl.col("start_unix_ns")) / 1e6,
    )
    errors = telemetry.logs.with_columns(step=pl.col("time_unix_ns") // STEP_NS)
    points = telemetry.metrics.with_columns(step=pl.col("time_unix_ns") // STEP_NS)
    keys = ["service", "step"]
    parts = [
        visits.group_by(keys).agg(value=pl.col("ms").mean(), series=pl.lit("duration")),
        visits.group_by(keys).agg(value=pl.col("is_error").mean(), series=pl.lit("failures")),
        errors.group_by(keys).agg(
            value=(pl.col("severity") >= ERROR_SEVERITY).mean(), series=pl.lit("error records")
        ),
        points.group_by(*keys, "name").agg(pl.col("value").mean()).rename({"name": "series"}),
    ]
    columns = [
        pl.col("service", "series").cast(pl.String),
        pl.col("step"),
        pl.col("value").cast(pl.Float64),
    ]
    found = pl.concat([part.select(columns) for part in parts])
    left_out = [
        pl.col("step").is_between(begin // STEP_NS, end // STEP_NS)
        for begin, end in question.leave_out
    ]
    kept = found.filter(~pl.any_horizontal(left_out)) if left_out else found
    return kept.with_columns(is_after=pl.col("step") >= question.onset_unix_ns // STEP_NS)


def _entry(telemetry: Telemetry) -> pl.DataFrame:
    roots = telemetry.spans.join(
        telemetry.spans.select(parent_key="key"), on="parent_key", how="anti"
    )
    ms = (pl.col("end_unix_ns") - pl.col("start_unix_ns")) / 1e6
    return roots.group_by(step=pl.col("end_unix_ns") // STEP_NS).agg(value=ms.mean())


def _concluded(question: Question, scores: pl.DataFrame) -> Diagnosis:
    known = scores.filter(pl.col("score").is_finite())
    best = known.group_by("service").agg(pl.col("score").max())
    rows = best.sort("score", "service", descending=[True, False]).iter_rows()
    suspects = tuple(
        Suspect(service=key_of(service), score=score, statements=()) for service, score in rows
    )
    return Diagnosis(
        question=question,
        finding="several causes" if suspects else "no cause in view",
        suspects=suspects,
        confidence=0.0,
        margin=0.0,
        sentence="Ranked without topology, for comparison.",
        request_count=0,
        usual_request_count=0,
    )
