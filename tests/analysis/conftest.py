"""Builders of spans, in the schema that receivers send them in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import SPANS

MS = 10**6


@dataclass
class Spans:
    """Collects spans; times in milliseconds from 0."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        service: str,
        start_ms: float,
        end_ms: float,
        *,
        kind: int = 2,
        parent: bytes = b"",
        trace: bytes = b"t" * 16,
        error: bool = False,
        peer: str = "",
        address: str = "",
        name: str = "GET /",
        pod: str | None = None,
        version: str = "1",
        principal: str = "",
    ) -> bytes:
        """Add one span and return its id."""
        span_id = len(self.rows).to_bytes(8, "big")
        self.rows.append(
            {
                "trace_id": trace,
                "span_id": span_id,
                "parent_span_id": parent,
                "start_unix_ns": int(start_ms * MS),
                "end_unix_ns": int(end_ms * MS),
                "kind": kind,
                "name": name,
                "is_error": error,
                "is_answered": False,
                "peer": peer,
                "address": address,
                "namespace": "shop",
                "service": service,
                "version": version,
                "pod": pod or f"{service}-0",
                "pod_uid": f"uid-{pod or service}",
                "principal": principal,
                "is_verified": bool(principal),
            }
        )
        return span_id

    def table(self) -> pa.Table:
        """All spans as a receiver would send them."""
        return pa.table(
            {f.name: pa.array([r[f.name] for r in self.rows], f.type) for f in SPANS}, schema=SPANS
        )

    def frame(self) -> pl.DataFrame:
        """All spans as the analysis reads them."""
        frame = pl.from_arrow(self.table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def slice(self, end_s: int) -> TelemetrySlice:
        """All spans that ended before `end_s`."""
        times = [row["end_unix_ns"] for row in self.rows]
        rows = self.table()
        batch = Batch(
            rows=rows, oldest_unix_ns=min(times, default=0), newest_unix_ns=max(times, default=0)
        )
        return TelemetrySlice(
            signal="traces", start_unix_ns=0, end_unix_ns=end_s * 10**9, batches=(batch,)
        )


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def new_spans() -> Callable[[], Spans]:
    return Spans
