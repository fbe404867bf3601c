"""What is remembered goes on, whatever becomes of one part of it."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from analysis.buffers import Buffers
from analysis.metered import Metered
from analysis.settings import AnalysisSettings
from homeostat.lookback import Lookback
from knowledge.schemas import METRICS
from knowledge.windows import WindowTables

S = 10**9


def points(*times_s: int) -> pa.Table:
    rows = [
        dict.fromkeys(METRICS.names)
        | dict.fromkeys(("namespace", "version", "pod", "pod_uid", "principal"), "")
        | {
            "time_unix_ns": time_s * S,
            "start_unix_ns": S,
            "name": "http.server.request.duration",
            "unit": "s",
            "is_old_name": False,
            "temporality": 2,
            "count": time_s,
            "bounds": [1.0],
            "bucket_counts": [time_s, 0],
            "is_error": False,
            "resource_id": 1,
            "stream_id": 1,
            "service": "cart",
            "is_verified": False,
        }
        for time_s in times_s
    ]
    return pa.Table.from_pylist(rows, METRICS)


def test_histograms_that_cannot_be_taken_in_say_nothing_and_their_rows_are_not_read_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read: list[tuple[int, int]] = []
    original = Metered.advance

    def fails_twice(self: Metered, part: Any, **more: Any) -> Any:
        read.append((part.start_unix_ns // S, part.end_unix_ns // S))
        if len(read) in {2, 3}:
            raise ZeroDivisionError("no such bucket")
        return original(self, part, **more)

    monkeypatch.setattr(Metered, "advance", fails_twice)
    caplog.set_level(logging.ERROR)
    buffers = Buffers(bytes_max=2**24, retention_s=600)
    buffers.add("metrics", points(11, 16, 21, 26), now_unix_ns=0, watermark_unix_ns=0)

    async def counts() -> list[int]:
        with ThreadPoolExecutor(1) as worker:
            lookback = Lookback(buffers, worker, AnalysisSettings(), next_unix_ns=10 * S)
            found = []
            for end_s in (15, 20, 25, 30):
                tables = await lookback.remember(
                    WindowTables.empty(0, end_s * S),
                    end_unix_ns=end_s * S,
                    now_unix_ns=end_s * S,
                )
                found.append(int(tables.metered["request_count"].sum()))
            (note,) = lookback.notes()
            assert "at 2 looks" in note
            assert "ZeroDivisionError: no such bucket" in note
            return found

    assert asyncio.run(counts()) == [11, 0, 0, 26], "the next point makes up for what was lost"
    assert read == [(10, 15), (15, 20), (20, 25), (25, 30)]
    assert len([r for r in caplog.records if "histograms" in r.message]) == 1
