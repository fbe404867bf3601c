"""/metrics: the counters of all receivers and the state of the loop, as Prometheus reads them.

What a receiver takes and refuses has the Collector's names, so that dashboards made for one show
us as well; all else is called homeostat_*. Format:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format (0.0.4).
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from knowledge.snapshot import StatusSnapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ITEMS: Final = {"spans": "spans", "data_points": "metric_points", "log_records": "log_records"}
"""Our word for what a request carries, and the Collector's."""

_OF_ITEMS: Final = re.compile(r"(accepted|refused)_(spans|data_points|log_records)_(grpc|http)")
_ACK: Final = re.compile(r"ack_us_le_(\d+|inf)")
_BY_PREFIX: Final = (
    ("refused_", "homeostat_receiver_refused_requests_total", "reason", "Requests refused."),
    ("rejected_", "homeostat_receiver_rejected_items_total", "reason", "Items told as rejected."),
    ("repaired_", "homeostat_receiver_repaired_items_total", "what", "Items kept with a change."),
    ("memory_", "homeostat_receiver_memory_levels_total", "level", "Changes of memory pressure."),
    ("wire_bytes_", "homeostat_receiver_wire_bytes_total", "transport", "Bodies as they came."),
)
_PLAIN: Final = {
    "requests": ("homeostat_receiver_requests_total", "Requests received."),
    "request_bytes": ("homeostat_receiver_inflated_bytes_total", "Bodies after inflating."),
    "reference_requests": (
        "homeostat_receiver_reference_requests_total",
        "Requests that were decoded by protobuf alone, slowly.",
    ),
    "brain_connections_lost": (
        "homeostat_receiver_brain_connections_lost_total",
        "Connections to the brain that broke.",
    ),
}


class _Page:
    """Samples by family, in the order in which the families came."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str, list[str]]] = {}

    def add(
        self,
        name: str,
        value: float,
        labels: Mapping[str, str] | None = None,
        *,
        kind: str,
        text: str,
        suffix: str = "",
    ) -> None:
        _, _, samples = self._families.setdefault(name, (kind, text, []))
        told = ",".join(f'{key}="{_escaped(word)}"' for key, word in (labels or {}).items())
        number = str(value) if isinstance(value, int) else repr(float(value))
        samples.append(f"{name}{suffix}{{{told}}} {number}" if told else f"{name}{suffix} {number}")

    def text(self) -> str:
        lines: list[str] = []
        for name, (kind, text, samples) in self._families.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *samples]
        return "\n".join(lines) + "\n"


def render(snapshot: StatusSnapshot) -> str:
    """Return the page."""
    counts: Counter[str] = Counter()
    for receiver in snapshot.receivers.values():
        counts.update(receiver)
    page = _Page()
    _receivers(page, counts)
    _acknowledgements(page, counts)
    _loop(page, snapshot)
    return page.text()


def _receivers(page: _Page, counts: Mapping[str, int]) -> None:
    for word, theirs in _ITEMS.items():
        for outcome in ("accepted", "refused"):
            for transport in ("grpc", "http"):
                page.add(
                    f"otelcol_receiver_{outcome}_{theirs}",
                    counts.get(f"{outcome}_{word}_{transport}", 0),
                    {"receiver": "otlp", "transport": transport},
                    kind="counter",
                    text=f"Number of {theirs} {outcome}, of requests that were decoded.",
                )
    for name, (family, text) in _PLAIN.items():
        page.add(family, counts.get(name, 0), kind="counter", text=text)
    for prefix, family, label, text in _BY_PREFIX:
        for name in sorted(counts):
            if name.startswith(prefix) and not _OF_ITEMS.fullmatch(name):
                labels = {label: name.removeprefix(prefix)}
                page.add(family, counts[name], labels, kind="counter", text=text)


def _acknowledgements(page: _Page, counts: Mapping[str, int]) -> None:
    told = {m[1]: counts[name] for name in counts if (m := _ACK.fullmatch(name))}
    bounds = sorted(int(bound) for bound in told if bound != "inf")
    so_far = 0
    name, kind = "homeostat_receiver_ack_seconds", "histogram"
    text = "Time from a whole request to its acknowledgement."
    for bound in bounds:
        so_far += told[str(bound)]
        le = {"le": repr(bound / 1e6)}
        page.add(name, so_far, le, kind=kind, text=text, suffix="_bucket")
    total = counts.get("ack_count", 0)
    page.add(name, total, {"le": "+Inf"}, kind=kind, text=text, suffix="_bucket")
    page.add(name, counts.get("ack_us_sum", 0) / 1e6, kind=kind, text=text, suffix="_sum")
    page.add(name, total, kind=kind, text=text, suffix="_count")


def _loop(page: _Page, snapshot: StatusSnapshot) -> None:
    for item in snapshot.freshness:
        if item.age_s is not None:
            page.add(
                "homeostat_telemetry_lag_seconds",
                item.age_s,
                {"signal": item.signal},
                kind="gauge",
                text="Age of the newest row.",
            )
    for count in snapshot.ingest:
        for outcome, rows in (
            ("held", count.rows),
            ("late", count.late_rows),
            ("duplicate", count.duplicate_rows),
            ("future", count.future_rows),
        ):
            page.add(
                "homeostat_rows_total",
                rows,
                {"signal": count.signal, "outcome": outcome},
                kind="counter",
                text="Rows that the brain took.",
            )
    for state, number in sorted(Counter(issue.state for issue in snapshot.issues).items()):
        labels = {"state": str(state)}
        page.add("homeostat_issues", number, labels, kind="gauge", text="Issues by state.")
    text = "Whether no more actions are taken."
    page.add("homeostat_halted", int(snapshot.halted is not None), kind="gauge", text=text)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
