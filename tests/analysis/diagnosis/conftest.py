"""A small shop: front calls cart and catalog, catalog calls store; all of it as slim rows."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from analysis.diagnosis.telemetry import SLIM, Telemetry, empty
from knowledge.diagnosis import Question

MS = 10**6
S = 10**9
ONSET_S = 1000
USUAL_MS = {"front": 5.0, "cart": 10.0, "catalog": 8.0, "store": 20.0}


@dataclass
class Shop:
    """Collects requests; each can be told to take longer or to end early somewhere."""

    seed: int = 1
    rows: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def run(
        self,
        begin_s: int,
        end_s: int,
        *,
        own_ms: dict[str, float] | None = None,
        gap_ms: dict[tuple[str, str], float] | None = None,
        failing: str = "",
        with_logs: bool = False,
    ) -> "Shop":
        """One request a second; times are what services and edges need, with some spread."""
        for second in range(begin_s, end_s):
            trace = len(self.rows) + 1
            self._serve(
                "front",
                trace,
                second * S,
                parent=0,
                own_ms=USUAL_MS | (own_ms or {}),
                gap_ms=gap_ms or {},
                failing=failing,
                with_logs=with_logs,
            )
        return self

    def _serve(self, service: str, trace: int, at: int, *, parent: int, **how: Any) -> int:
        """Serve one visit and return when it ended."""
        key = self._span(service, trace, parent, kind=2, name=f"GET /{service}")
        own = int(how["own_ms"][service] * self._chance.uniform(0.9, 1.1) * MS)
        is_failing = how["failing"] == service
        if how["with_logs"]:
            said = ("failed to load", 17) if is_failing else ("loaded", 9)
            self._log(service, trace, key, at, *said)
        now = at + own // 2
        calls = {"front": ("cart", "catalog"), "catalog": ("store",)}.get(service, ())
        for callee in () if is_failing else calls:
            call = self._span(service, trace, key, kind=3, name="call")
            gap = int(how["gap_ms"].get((service, callee), 1.0) * MS)
            done = self._serve(callee, trace, now + gap // 2, parent=call, **how)
            self._time(call, now, done + gap // 2)
            now = done + gap // 2
        now += own // 2
        self._time(key, at, now)
        return now

    def _span(self, service: str, trace: int, parent: int, *, kind: int, name: str) -> int:
        key = len(self.rows) + 1
        self.rows.append(
            {
                "trace": trace,
                "key": key,
                "parent_key": parent,
                "service": f"shop/{service}",
                "pod": f"{service}-0",
                "name": name,
                "peer": "",
                "address": "",
                "kind": kind,
                "is_error": False,
                "start_unix_ns": 0,
                "end_unix_ns": 0,
            }
        )
        return key

    def _time(self, key: int, start: int, end: int) -> None:
        self.rows[key - 1] |= {"start_unix_ns": start, "end_unix_ns": end}

    def _log(
        self, service: str, trace: int, key: int, at: int, template: str, severity: int
    ) -> None:
        self.logs.append(
            {
                "trace": trace,
                "key": key,
                "service": f"shop/{service}",
                "template": template,
                "severity": severity,
                "time_unix_ns": at,
            }
        )

    def cpu(self, service: str, at_s: int, share: float) -> None:
        """One scrape of a pod's CPU, as a share of its limit."""
        self.points.append(
            {
                "service": f"shop/{service}",
                "pod": f"{service}-0",
                "name": "k8s.pod.cpu_limit_utilization",
                "value": share,
                "time_unix_ns": at_s * S,
            }
        )

    def telemetry(self) -> Telemetry:
        """All that was collected."""
        return Telemetry(
            spans=_frame(self.rows, "traces"),
            logs=_frame(self.logs, "logs"),
            metrics=_frame(self.points, "metrics"),
        )


def _frame(rows: list[dict[str, Any]], signal: Any) -> pl.DataFrame:
    if not rows:
        return empty(signal)
    return pl.DataFrame(rows, schema=SLIM[signal])


@pytest.fixture
def new_shop() -> Callable[[], Shop]:
    return Shop


@pytest.fixture
def question() -> Question:
    return Question(onset_unix_ns=ONSET_S * S, until_unix_ns=(ONSET_S + 120) * S)
