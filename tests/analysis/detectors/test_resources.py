"""HighResourceUsage: at the limit for some time, by the mean of the pods; hysteresis."""

from dataclasses import replace

import polars as pl
import pytest

from analysis.detectors.resources import Strains, detect_usage, used
from analysis.settings import AnalysisSettings
from knowledge.windows import WindowTables

S = 10**9
SETTINGS = AnalysisSettings(usage_hold_s=60)


def _look(at_s: int, *ratios: float | None) -> WindowTables:
    tables = WindowTables.empty(0, at_s * S)
    rows = [
        {
            "namespace": "shop",
            "service": "cart",
            "pod": f"cart-{index}",
            "time_unix_ns": at_s * S,
            "cpu_ratio": ratio,
            "memory_ratio": None,
            "memory_bytes": None,
        }
        for index, ratio in enumerate(ratios)
    ]
    return replace(tables, usage=pl.DataFrame(rows, schema=tables.usage.schema))


def _health(*looks: WindowTables) -> str:
    strains: Strains = {}
    health = ""
    for tables in looks:
        strains, symptoms = detect_usage(used(tables, None, {}), strains, SETTINGS)
        health = symptoms[0].health if symptoms else "nothing"
    return health


@pytest.mark.parametrize(
    ("looks", "health"),
    [
        ([(0, 0.95)], "healthy"),  # one scrape is a moment
        ([(0, 0.95), (30, 0.95)], "healthy"),
        ([(0, 0.95), (60, 0.95)], "unhealthy"),
        ([(0, 0.95), (30, 0.5), (60, 0.95)], "healthy"),
        ([(0, 0.95), (60, 0.95), (90, 0.85)], "unhealthy"),  # below the limit, not well below
        ([(0, 0.95), (60, 0.95), (90, 0.75)], "healthy"),
        ([(0, None)], "nothing"),
    ],
)
def test_usage(looks: list[tuple[int, float | None]], health: str) -> None:
    assert _health(*(_look(at_s, ratio) for at_s, ratio in looks)) == health


def test_one_busy_pod_of_four_is_no_shortage() -> None:
    assert _health(*(_look(at, 1.0, 0.3, 0.3, 0.3) for at in (0, 60, 120))) == "healthy"


def test_the_same_reading_again_is_no_second_one() -> None:
    stale = replace(_look(120, 0.95), usage=_look(0, 0.95).usage)
    assert _health(_look(0, 0.95), stale, stale) == "healthy"
