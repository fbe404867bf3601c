"""How many names are told apart: beyond a limit, the rarest share one row called `(other)`.

A sender that puts an id into a span name makes a new operation with each request. Kept apart, they
would fill the memory of whoever remembers something of each; added up, nothing is lost but their
names. The most frequent keep theirs: what is judged has many requests, an id has one.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

OTHER: Final = "(other)"
_SERVICE: Final = ["namespace", "service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most services of all, and the most operations of each."""

    services: int
    operations: int


def folded(found: pl.DataFrame, caps: Caps) -> tuple[pl.DataFrame, int]:
    """Return the rows with names beyond the caps folded into one, and how many requests had those.

    `found`: namespace, service, name, span_count and what else; rows are not added up.
    """
    totals = found.group_by(*_SERVICE, "name").agg(pl.col("span_count").sum())
    services = totals.group_by(_SERVICE).agg(span_count=pl.col("span_count").sum(), names=pl.len())
    if services.height <= caps.services and (services["names"] <= caps.operations).all():
        return found, 0
    by_count = ["span_count", *_SERVICE]
    kept = services.sort(by_count, descending=[True, False, False]).head(caps.services)
    named = (
        totals.join(kept.select(_SERVICE), on=_SERVICE, how="semi")
        .sort("span_count", "name", descending=[True, False])
        .filter(pl.int_range(pl.len()).over(_SERVICE) < caps.operations)
    )
    is_kept = kept.select(*_SERVICE, has_place=pl.lit(value=True))
    is_named = named.select(*_SERVICE, "name", has_name=pl.lit(value=True))
    marked = found.join(is_kept, on=_SERVICE, how="left", maintain_order="left").join(
        is_named, on=[*_SERVICE, "name"], how="left", maintain_order="left"
    )
    has_place = pl.col("has_place").fill_null(value=False)
    has_name = pl.col("has_name").fill_null(value=False)
    count = int(marked.filter(~has_name)["span_count"].sum())
    renamed = marked.with_columns(
        name=pl.when(has_name).then("name").otherwise(pl.lit(OTHER)),
        namespace=pl.when(has_place).then("namespace").otherwise(pl.lit("")),
        service=pl.when(has_place).then("service").otherwise(pl.lit(OTHER)),
    )
    return renamed.select(found.columns), count
