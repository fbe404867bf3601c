"""Services of which no spans are told apart, as their own histograms tell of them."""

from math import isfinite

from pydantic import BaseModel, Field

from knowledge.windows import WindowTables


class MeteredView(BaseModel):
    """One service in the last window; its p99 lies between two values."""

    namespace: str
    service: str
    metric: str = Field(description="the histogram that says so")
    request_count: int
    error_ratio: float
    request_per_s: float
    covered_s: float = Field(description="how much time the counts cover; may exceed the window")
    mean_ms: float | None
    p99_low_ms: float
    p99_high_ms: float | None = Field(description="null: above the histogram's last bound")


def metered_of(tables: WindowTables) -> list[MeteredView]:
    """Return the services of which no span in the window is told apart."""
    seen = set(tables.services.select("namespace", "service").iter_rows())
    return [
        MeteredView(
            **{name: row[name] for name in ("namespace", "service", "metric", "request_count")},
            **{name: row[name] for name in ("error_ratio", "request_per_s", "covered_s")},
            mean_ms=row["latency_ms_mean"],
            p99_low_ms=row["latency_ms_p99_low"],
            p99_high_ms=high if isfinite(high := row["latency_ms_p99_high"]) else None,
        )
        for row in tables.metered.iter_rows(named=True)
        if (row["namespace"], row["service"]) not in seen
    ]
