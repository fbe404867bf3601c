"""What users asked for and how long it took: entry requests by kind, for the rule that users feel.

One entry operation may stand for many kinds of request (a gateway names all of them alike), with
times that differ tenfold. So a kind is the entry's operation with what it calls first; the mix may
then shift without any kind becoming slow.
"""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from analysis.cardinality import OTHER
from analysis.visits import VISIT_KINDS
from knowledge.schemas import ENTRIES

_MS: Final = 1e6
_ROWS: Final = {
    "service": pl.String(),
    "request": pl.String(),
    "end_unix_ns": pl.Int64(),
    "duration_ms": pl.Float64(),
}


def entries_of(spans: pl.DataFrame, begin_unix_ns: int, end_unix_ns: int) -> pl.DataFrame:
    """Return the entry requests that ended in [begin, end): service, request, end, duration.

    `spans`: slim ones, some time before and after as well. An entry has no parent, or none in view.
    """
    inside = pl.col("end_unix_ns").is_between(begin_unix_ns, end_unix_ns, closed="left")
    served = spans.filter(pl.col("kind").is_in(VISIT_KINDS)).unique("key", keep="first")
    is_known = pl.col("parent_key").is_in(spans["key"].implode())
    entries = served.filter(inside, ~is_known)
    first = (
        served.join(entries.select("trace", entry="service"), on="trace")
        .filter(pl.col("service") != pl.col("entry"))
        .sort("start_unix_ns", "key")
        .group_by("trace", maintain_order=True)
        .agg(pl.col("service", "name").cast(pl.String).first())
        .select("trace", called=pl.concat_str("service", pl.lit(" "), "name"))
    )
    request = pl.concat_str(
        pl.col("name").cast(pl.String), pl.lit(" > ") + pl.col("called"), ignore_nulls=True
    )
    duration_ns = (pl.col("end_unix_ns") - pl.col("start_unix_ns")).clip(0)
    return (
        entries.join(first, on="trace", how="left")
        .select(
            service=pl.col("service").cast(pl.String),
            request=request,
            end_unix_ns="end_unix_ns",
            duration_ms=duration_ns / _MS,
        )
        .sort("service", "request", "end_unix_ns", "duration_ms")
    )


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """The entry requests of the present window; a value, replaced by each tick."""

    rows: pl.DataFrame = field(default_factory=_nothing)

    def advance(
        self,
        settled: pl.DataFrame,
        provisional: pl.DataFrame,
        *,
        start_unix_ns: int,
        window_ns: int,
        request_count_max: int = 200,
    ) -> tuple["Entries", pl.DataFrame]:
        """Take `settled` requests in; return the table of the window that begins at `start`.

        `provisional` ones, of which more may still come in, count in this table only: evidence need
        not wait for the last row. The window before it and those that left both stand beside:
        whoever learns from a request only then knows how its time went.
        """
        kept = pl.concat([self.rows, settled])
        rows = _capped(pl.concat([kept, provisional]), request_count_max)
        is_earlier = pl.col("end_unix_ns") < start_unix_ns
        has_left = pl.col("end_unix_ns") < start_unix_ns - window_ns
        table = (
            rows.group_by("service", "request")
            .agg(
                durations_ms=pl.col("duration_ms").filter(~is_earlier),
                earlier_ms=pl.col("duration_ms").filter(is_earlier, ~has_left),
                passed_ms=pl.col("duration_ms").filter(has_left),
            )
            .with_columns(pl.col("service").str.splitn("/", 2))
            .unnest("service")
            .rename({"field_0": "namespace", "field_1": "service"})
            .select(ENTRIES.names)
            .sort("namespace", "service", "request")
        )
        return Entries(rows=kept.filter(~has_left)), table


def _capped(rows: pl.DataFrame, count_max: int) -> pl.DataFrame:
    """The requests with the rarest kinds of a service, beyond so many, as one kind."""
    counts = rows.group_by("service", "request").agg(count=pl.len())
    ranked = counts.sort("count", "request", descending=[True, False])
    rare = ranked.filter(pl.int_range(pl.len()).over("service") >= count_max)
    if not rare.height:
        return rows
    is_rare = rare.select("service", "request", is_rare=pl.lit(value=True))
    marked = rows.join(is_rare, on=["service", "request"], how="left", maintain_order="left")
    request = pl.when("is_rare").then(pl.lit(OTHER)).otherwise("request")
    return marked.with_columns(request=request).select(rows.columns)
