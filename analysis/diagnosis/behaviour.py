"""What services do otherwise than before: calls, inner steps, failures and log records of a visit.

A visit shows a set of traits: that it made a step or a call, wrote a record of some template, or
failed. For each operation the share of visits that show a trait is compared with the usual share. A
trait that came up, or that stays away (a request that ends early makes no more calls), marks the
visits that carry the change. A caller of a marked visit is explained by it: who passes a failure on
has changed as well, but is not where the change began. So the deepest marked visit counts.
"""

from dataclasses import dataclass
from math import log, sqrt
from typing import Any, Final

import polars as pl

from analysis.diagnosis.periods import AFTER, NEAR, Periods
from analysis.diagnosis.records import unseen_visits

SEVERITY_ERROR: Final = 17
COVER_S: Final = 10
"""Records are compared only for visits at whose time any were received: a hole is no change."""
COUNT_MIN: Final = 3
STRETCH_COUNT_MIN: Final = 5
Z_MIN: Final = 2.5
Z_MIN_BAD: Final = 1.5
"""Deviations below this are chance. Of failures and error records less is needed: they are rarer
than all other traits together, so fewer of them are there to deviate by chance."""
Z_HALF: Final = 1.5
"""So much beyond the least is half convincing."""
EXPLAINED_DEPTH_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A trait of an operation that shows more or less often than usual; strength in [0, 1]."""

    service: str
    operation: str
    trait: str
    strength: float
    after: tuple[int, int]
    usual: tuple[int, int]


def changes(spans: pl.DataFrame, logs: pl.DataFrame, periods: Periods) -> list[Change]:
    """Return the changes of each service, explained ones weakened, the strongest first.

    `logs`: slim log records.
    """
    columns = ["row", "caller", "trace", "service", "operation", "period", "end_unix_ns"]
    callers = spans.select(parent="row", caller="visit")
    visits = spans.filter("is_visit").join(callers, on="parent", how="left").select(columns)
    traits = _traits(spans)
    if logs.height:
        visits = pl.concat([visits, unseen_visits(spans, logs, periods).select(columns)])
        visits = visits.with_columns(covered=_covered(visits, logs))
        traits = pl.concat([traits, _records(spans, visits, logs)])
    else:
        visits = visits.with_columns(covered=pl.lit(value=False))
    traits = traits.unique().join(visits, left_on="visit", right_on="row")
    judged = _judged(_counted(traits, visits))
    strong = [row for row in judged if row["strength"] > 0]
    if not strong:
        return []
    return _explained(strong, traits, visits)


def _traits(spans: pl.DataFrame) -> pl.DataFrame:
    """Traits that spans show: visit, trait, is_bad, is_record."""
    name = pl.col("name").cast(pl.String)
    inner = spans.filter(~pl.col("is_visit"))
    steps = inner.select("visit", trait=pl.lit("does ") + name, is_bad=pl.lit(value=False))
    failed_steps = inner.filter("is_error").select(
        "visit", trait=name + pl.lit(" fails"), is_bad=pl.lit(value=True)
    )
    failed = spans.filter("is_visit", "is_error").select(
        "visit", trait=pl.lit("fails"), is_bad=pl.lit(value=True)
    )
    target = pl.concat_str(
        pl.col("service").cast(pl.String), pl.col("operation").cast(pl.String), separator=" "
    )
    called = spans.filter("is_visit", pl.col("parent").is_not_null()).select(
        "parent", trait=pl.lit("calls ") + target, is_bad=pl.lit(value=False)
    )
    calls = called.join(spans.select("row", "visit"), left_on="parent", right_on="row")
    columns = ["visit", "trait", "is_bad"]
    parts = [part.select(columns) for part in (steps, failed_steps, failed, calls)]
    return pl.concat(parts).with_columns(is_record=pl.lit(value=False))


def _covered(visits: pl.DataFrame, logs: pl.DataFrame) -> pl.Series:
    bins = (logs["time_unix_ns"] // (COVER_S * 10**9)).unique()
    return (visits["end_unix_ns"] // (COVER_S * 10**9)).is_in(bins.implode())


def _records(spans: pl.DataFrame, visits: pl.DataFrame, logs: pl.DataFrame) -> pl.DataFrame:
    """Traits that log records show; a record belongs to its span, else to its trace's visits."""
    is_bad = pl.col("severity") >= SEVERITY_ERROR
    trait = pl.lit("logs ") + pl.col("template").cast(pl.String)
    records = logs.select("key", "trace", "service", trait=trait, is_bad=is_bad)
    near = records.join(spans.select("key", "visit"), on="key")
    far = records.join(spans.select("key"), on="key", how="anti")
    far = far.join(
        visits.select("trace", "service", visit="row").unique(["trace", "service"], keep="first"),
        on=["trace", "service"],
    )
    columns = ["visit", "trait", "is_bad"]
    found = pl.concat([near.select(columns), far.select(columns)])
    return found.with_columns(is_record=pl.lit(value=True))


def _counted(traits: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Per operation, trait and period: how many visits there were, and how many showed it."""
    who = ["service", "operation"]
    totals = visits.group_by(*who, "period").agg(
        count=pl.len(), covered_count=pl.col("covered").sum()
    )
    shown = (
        traits.filter(~pl.col("is_record") | pl.col("covered"))
        .group_by(*who, "trait", "is_bad", "is_record", "period")
        .agg(shown=pl.len())
    )
    kinds = shown.select(*who, "trait", "is_bad", "is_record").unique()
    full = kinds.join(totals, on=who).join(
        shown, on=[*who, "trait", "is_bad", "is_record", "period"], how="left"
    )
    count = pl.when("is_record").then("covered_count").otherwise("count")
    return full.with_columns(count=count, shown=pl.col("shown").fill_null(0)).filter(
        pl.col("count") > 0
    )


def _judged(counted: pl.DataFrame) -> list[dict[str, Any]]:
    group = ["service", "operation", "trait", "is_bad", "is_record"]
    is_after = pl.col("period") == AFTER
    rate = pl.col("shown") / pl.col("count")
    is_stretch = ~is_after & (pl.col("period") != NEAR)
    has_veto = is_stretch & (pl.col("count") >= STRETCH_COUNT_MIN)
    rows = counted.group_by(group).agg(
        after_shown=pl.col("shown").filter(is_after).sum(),
        after_count=pl.col("count").filter(is_after).sum(),
        usual_shown=pl.col("shown").filter(~is_after).sum(),
        usual_count=pl.col("count").filter(~is_after).sum(),
        rate_min=rate.filter(has_veto).min(),
        rate_max=rate.filter(has_veto).max(),
    )
    rows = rows.filter(
        pl.col("after_count") >= COUNT_MIN,
        pl.col("usual_count") >= COUNT_MIN,
        pl.col("after_shown") * pl.col("usual_count")
        != pl.col("usual_shown") * pl.col("after_count"),
    )
    texts = rows.with_columns(pl.col("service", "operation").cast(pl.String))
    judged = texts.sort("service", "operation", "trait", "is_bad").to_dicts()
    for row in judged:
        row["strength"] = _strength(row)
    return judged


def _strength(row: dict[str, Any]) -> float:
    after, usual = row["after_shown"] / row["after_count"], row["usual_shown"] / row["usual_count"]
    if row["is_bad"] and after < usual:
        return 0.0  # somebody got well
    z = deviation(row["after_shown"], row["after_count"], row["usual_shown"], row["usual_count"])
    nearest = usual
    if row["rate_max"] is not None:
        nearest = max(usual, row["rate_max"]) if after > usual else min(usual, row["rate_min"])
    apart = (after - nearest) / (after - usual)
    beyond = z * max(0.0, apart) - (Z_MIN_BAD if row["is_bad"] else Z_MIN)
    return beyond**2 / (beyond**2 + Z_HALF**2) if beyond > 0 else 0.0


def deviation(after: int, after_count: int, usual: int, usual_count: int) -> float:
    """Return how many standard deviations two shares differ by.

    The root of the log-likelihood ratio (Wilks, Annals of Mathematical Statistics 9, 1938), which
    holds for few cases better than the difference over its error does.
    """
    share = (after + usual) / (after_count + usual_count)
    terms = (
        (after, after_count * share),
        (after_count - after, after_count * (1 - share)),
        (usual, usual_count * share),
        (usual_count - usual, usual_count * (1 - share)),
    )
    ratio = 2 * sum(seen * log(seen / expected) for seen, expected in terms if seen)
    return sqrt(max(0.0, ratio))


def _explained(
    strong: list[dict[str, Any]], traits: pl.DataFrame, visits: pl.DataFrame
) -> list[Change]:
    """Weaken the changes whose visits called a visit that is marked as strongly itself."""
    marks = _marks(strong, traits, visits)
    own = dict(marks.group_by("visit").agg(pl.col("strength").max()).iter_rows())
    below = _below(own, visits)
    result = []
    for index, row in enumerate(strong):
        carriers = marks.filter(pl.col("index") == index)["visit"].to_list()
        explained = [min(1.0, below.get(visit, 0.0) / row["strength"]) for visit in carriers]
        left = 1.0 - sum(explained) / len(explained) if explained else 1.0
        result.append(
            Change(
                service=row["service"],
                operation=row["operation"],
                trait=row["trait"],
                strength=row["strength"] * left,
                after=(row["after_shown"], row["after_count"]),
                usual=(row["usual_shown"], row["usual_count"]),
            )
        )
    return sorted(result, key=lambda c: (-c.strength, c.service, c.operation, c.trait))


def _marks(
    strong: list[dict[str, Any]], traits: pl.DataFrame, visits: pl.DataFrame
) -> pl.DataFrame:
    """The visits after the onset that carry a change: index of the change, visit, strength."""
    after = visits.filter(pl.col("period") == AFTER).with_columns(
        pl.col("service", "operation").cast(pl.String)
    )
    changed = pl.DataFrame(
        {
            "index": range(len(strong)),
            "service": [row["service"] for row in strong],
            "operation": [row["operation"] for row in strong],
            "trait": [row["trait"] for row in strong],
            "is_record": [row["is_record"] for row in strong],
            "strength": [row["strength"] for row in strong],
            "rose": [
                row["after_shown"] * row["usual_count"] > row["usual_shown"] * row["after_count"]
                for row in strong
            ],
        },
        schema_overrides={"index": pl.Int64},
    )
    pairs = changed.join(
        after.select("row", "service", "operation", "covered"), on=["service", "operation"]
    )
    pairs = pairs.filter(~pl.col("is_record") | pl.col("covered"))
    shown = traits.select(row="visit", trait="trait", shown=pl.lit(value=True)).unique()
    pairs = pairs.join(shown, on=["row", "trait"], how="left")
    carries = pl.col("shown").fill_null(value=False) == pl.col("rose")
    return pairs.filter(carries).select("index", "strength", visit="row")


def _below(own: dict[int, float], visits: pl.DataFrame) -> dict[int, float]:
    """The strongest mark below each visit, in whatever it called."""
    links = visits.filter(pl.col("caller").is_not_null())
    caller_of = dict(zip(links["row"].to_list(), links["caller"].to_list(), strict=True))
    below: dict[int, float] = {}
    for visit, strength in own.items():
        caller = caller_of.get(visit)
        for _ in range(EXPLAINED_DEPTH_MAX):
            if caller is None or below.get(caller, 0.0) >= strength:
                break
            below[caller] = strength
            caller = caller_of.get(caller)
    return below
