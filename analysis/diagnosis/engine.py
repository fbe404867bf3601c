"""The engine: three witnesses heard, their statement put together, the best suspect named.

Witnesses are independent enough to be combined as if they were (noisy-or, Pearl, Probabilistic
Reasoning in Intelligent Systems, 1988): a service that explains the users' time, uses the CPU and
fails in its own records is the more suspect, and no witness has to be there. Which node of a chain
is meant the witnesses settle themselves, each by the topology that it sees; where they leave it
open, the deeper one is named first.
"""

from collections.abc import Callable, Iterable
from typing import Final

import polars as pl

from analysis.diagnosis import behaviour, latency, resources
from analysis.diagnosis.anatomy import dissect
from analysis.diagnosis.periods import AFTER, Periods, periods_of
from analysis.diagnosis.telemetry import Telemetry, key_of
from knowledge.diagnosis import Diagnosis, Question, Statement, Suspect
from knowledge.issues import Finding

Engine = Callable[[Telemetry, Question], Diagnosis]
"""Any way to find a cause: the one below, and simple published ones to compare it with."""

CREDIBILITY: Final = 0.9
"""No witness alone convinces altogether."""
EXCESS_HALF: Final = 0.1
"""An excess of so much of a request's usual time is half convincing: people notice a tenth."""
SCORE_MIN: Final = 0.3
"""Below this nobody is named."""
CONFIDENCE_MIN: Final = 0.5
SUSPECT_COUNT_MAX: Final = 100


def diagnose(telemetry: Telemetry, question: Question) -> Diagnosis:
    """Rank the services by how much speaks for each being the cause. Deterministic."""
    spans, periods = _placed(telemetry, question)
    statements: list[tuple[str, Statement]] = []
    growth: dict[str, float] = {}
    if spans is not None:
        statements += _latency(spans)
        statements += _behaviour(spans, telemetry.logs, periods)
        growth = _growth(spans, periods)
    statements += _resources(_points(telemetry.metrics, periods), growth)
    suspects = _ranked(statements, {} if spans is None else _depths(spans))
    return _concluded(question, suspects, spans)


def _placed(telemetry: Telemetry, question: Question) -> tuple[pl.DataFrame | None, Periods]:
    """The spans taken apart, each with the period that its request ended in."""
    if not telemetry.spans.height:
        times = [telemetry.metrics["time_unix_ns"], telemetry.logs["time_unix_ns"]]
        return None, periods_of(question, pl.concat(times))
    spans = dissect(telemetry.spans)
    ends = spans["end_unix_ns"].gather(spans["root"])
    periods = periods_of(question, ends)
    placed = spans.with_columns(period=pl.select(periods.number(pl.lit(ends))).to_series())
    return placed.filter(pl.col("period").is_not_null()), periods


def _points(metrics: pl.DataFrame, periods: Periods) -> pl.DataFrame:
    return metrics.with_columns(period=periods.number(pl.col("time_unix_ns")))


def _latency(spans: pl.DataFrame) -> Iterable[tuple[str, Statement]]:
    found = latency.excesses(spans)
    whole_ms = sum(excess.excess_ms for excess in found)
    usual_ms = latency.usual_request_ms(spans)
    gravity = whole_ms / (whole_ms + EXCESS_HALF * usual_ms) if whole_ms else 0.0
    for service, share in latency.shares(found).items():
        worst = next(e for e in found if service in {e.service, e.callee})
        where = f"from {worst.service} to {worst.callee}" if worst.callee else "in itself"
        text = (
            f"{share:.0%} of the {whole_ms:.0f} ms that requests take longer would be gone; "
            f"most of it {where}: {worst.after_ms:.1f} ms instead of {worst.usual_ms:.1f} ms"
        )
        yield service, Statement(witness="latency", strength=share * gravity, evidence=text)


def _behaviour(
    spans: pl.DataFrame, records: pl.DataFrame, periods: Periods
) -> Iterable[tuple[str, Statement]]:
    heard: set[str] = set()
    for change in behaviour.changes(spans, records, periods):
        if change.service in heard or change.strength <= 0:
            continue
        heard.add(change.service)
        (now, now_of), (was, was_of) = change.after, change.usual
        text = (
            f"{change.operation} {change.trait} in {now} of {now_of} requests, "
            f"before in {was} of {was_of}"
        )
        yield (
            change.service,
            Statement(witness="behaviour", strength=change.strength, evidence=text),
        )


def _resources(points: pl.DataFrame, growth: dict[str, float]) -> Iterable[tuple[str, Statement]]:
    for use in resources.uses(points, growth):
        text = f"{use.metric} {use.after:.3g} instead of {use.usual:.3g}"
        yield use.service, Statement(witness="resources", strength=use.strength, evidence=text)


def _growth(spans: pl.DataFrame, periods: Periods) -> dict[str, float]:
    """Requests a second after the onset over the usual ones, by service."""
    after_s = (periods.after[1] - periods.after[0]) / 1e9
    usual_s = periods.usual_s
    if not usual_s:
        return {}
    is_after = pl.col("period") == AFTER
    table = (
        spans.filter("is_visit")
        .group_by(pl.col("service").cast(pl.String))
        .agg(after=is_after.sum(), usual=(~is_after).sum())
        .filter(pl.col("usual") > 0)
    )
    return {s: (a / after_s) / (u / usual_s) for s, a, u in table.iter_rows()}


def _depths(spans: pl.DataFrame) -> dict[str, float]:
    """How many services lie above each on average: of equals the deeper one is the cause."""
    visits = spans.filter("is_visit", pl.col("parent").is_not_null())
    edges = visits.join(spans.select("row", caller="service"), left_on="parent", right_on="row")
    pairs = edges.select(
        caller=pl.col("caller").cast(pl.String), callee=pl.col("service").cast(pl.String)
    ).unique()
    depth = dict.fromkeys(spans["service"].cast(pl.String).unique().sort().to_list(), 0.0)
    for _ in range(len(depth)):
        deeper = {
            callee: max(depth[caller] + 1, depth[callee])
            for caller, callee in pairs.sort("caller", "callee").iter_rows()
            if caller != callee
        }
        if all(depth[service] >= value for service, value in deeper.items()):
            break
        depth |= {service: min(value, len(depth)) for service, value in deeper.items()}
    return depth


def _ranked(
    statements: Iterable[tuple[str, Statement]], depths: dict[str, float]
) -> tuple[Suspect, ...]:
    heard: dict[str, list[Statement]] = {service: [] for service in depths}
    for service, statement in statements:
        heard.setdefault(service, []).append(statement)
    scores = {}
    for service, own in heard.items():
        doubt = 1.0
        for statement in own:
            doubt *= 1 - CREDIBILITY * statement.strength
        scores[service] = 1 - doubt
    order = sorted(scores, key=lambda s: (-round(scores[s], 6), -depths.get(s, 0.0), s))
    return tuple(
        Suspect(
            service=key_of(service),
            score=scores[service],
            statements=tuple(sorted(heard[service], key=lambda t: -t.strength)),
        )
        for service in order[:SUSPECT_COUNT_MAX]
    )


def _concluded(
    question: Question, suspects: tuple[Suspect, ...], spans: pl.DataFrame | None
) -> Diagnosis:
    first = suspects[0].score if suspects else 0.0
    second = suspects[1].score if len(suspects) > 1 else 0.0
    confidence = first * (1 - 0.5 * (second / first)) if first else 0.0
    finding: Finding = "no cause in view"
    if first >= SCORE_MIN:
        finding = "cause" if confidence >= CONFIDENCE_MIN else "several causes"
    requests = usual = 0
    if spans is not None:
        roots = spans.filter(pl.col("row") == pl.col("root"))
        requests = roots.filter(pl.col("period") == AFTER).height
        usual = roots.height - requests
    return Diagnosis(
        question=question,
        finding=finding,
        suspects=suspects,
        confidence=confidence,
        margin=first - second,
        sentence=_sentence(finding, suspects, confidence),
        request_count=requests,
        usual_request_count=usual,
    )


def _sentence(finding: Finding, suspects: tuple[Suspect, ...], confidence: float) -> str:
    if finding == "no cause in view":
        return "Nothing deviates enough from what was usual before to be named as the cause."
    first = suspects[0]
    why = "; ".join(f"{t.witness}: {t.evidence}" for t in first.statements[:2])
    rival = f"; next is {suspects[1].service}" if len(suspects) > 1 and suspects[1].score else ""
    if finding == "several causes":
        return f"Perhaps {first.service} ({why}), but others deviate as well{rival}."
    return f"If {first.service} were as usual: {why} (confidence {confidence:.0%}{rival})."
