"""Spans of callers to figures per backend and second, as they arrive.

Windows wait for what is late (15 s and more), which is too long for a balancer. So each batch is
looked at once, on arrival, and its sums are added to the seconds in which its calls ended.
"""

from collections.abc import Collection, Iterator
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import ENDPOINTS, conform
from knowledge.traffic import Calls

_KEYS: Final = ["caller_namespace", "caller", "address", "end_unix_s"]
_NS_PER_S: Final = 1_000_000_000


def endpoints_of(spans: pa.Table, addresses: Collection[str]) -> pl.DataFrame:
    """Return the calls to `addresses` in ENDPOINTS, one row per caller, address and second.

    Batches without such a call cost one look at the few different addresses that they name.
    """
    wanted = pa.array(sorted(addresses), pa.string())
    found = [
        part
        for batch in spans.to_batches()
        if len(part := batch.filter(_among(batch.column("address"), wanted)))
    ]
    if not found:
        return pl.DataFrame(ENDPOINTS.empty_table())
    rows = pl.DataFrame(
        pa.Table.from_batches(found).select(
            ["namespace", "service", "address", "start_unix_ns", "end_unix_ns", "is_error"]
        )
    ).with_columns(pl.col("namespace", "service", "address").cast(pl.String))
    ms = (pl.col("end_unix_ns") - pl.col("start_unix_ns")) / 1e6
    ok = ms.filter(~pl.col("is_error"))
    table = (
        rows.rename({"namespace": "caller_namespace", "service": "caller"})
        .with_columns(end_unix_s=pl.col("end_unix_ns") // _NS_PER_S)
        .group_by(_KEYS)
        .agg(
            call_count=pl.len().cast(pl.Int64),
            error_count=pl.col("is_error").sum().cast(pl.Int64),
            ok_ms_sum=ok.sum(),
            ok_ms_max=ok.max().fill_null(0.0),
            busy_ms_sum=ms.sum(),
        )
        .select(ENDPOINTS.names)
        .sort(_KEYS)
    )
    conform(table.to_arrow(compat_level=pl.CompatLevel.oldest()).schema, _AS_POLARS, "endpoints_of")
    return table


_AS_POLARS: Final = (
    pl.DataFrame(ENDPOINTS.empty_table()).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
)
"""The schema as polars writes strings."""


def calls_of(table: pl.DataFrame) -> Iterator[Calls]:
    """Return the rows as values, all callers of a backend taken together."""
    summed = table.group_by("address", "end_unix_s").agg(
        pl.col("call_count", "error_count", "ok_ms_sum", "busy_ms_sum").sum(),
        pl.col("ok_ms_max").max(),
    )
    for row in summed.sort("end_unix_s", "address").iter_rows(named=True):
        yield Calls(**row)


def _among(column: pa.DictionaryArray, wanted: pa.StringArray) -> pa.BooleanArray:
    is_wanted = pc.is_in(column.dictionary, value_set=wanted)
    if not pc.any(is_wanted, min_count=0).as_py():
        return (
            pa.array([False], pa.bool_()).take(pa.nulls(0, pa.int32()))
            if not len(column)
            else (pc.equal(column.indices, -1))
        )
    return pc.fill_null(is_wanted.take(column.indices), fill_value=False)
