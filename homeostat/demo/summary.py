"""What came of the demo, in twin seconds since each fault: the truth beside the service's word."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSummary:
    """One fault and its cure. Seconds are None where it did not come to that."""

    kind: str
    service: str
    named_cause: str | None
    symptom_s: float | None
    action: str | None
    action_s: float | None
    verified_s: float | None
    healed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole demo. `wrong_targets`: changes of workloads that were not at fault just then."""

    seed: int
    wrong_targets: int
    faults: tuple[FaultSummary, ...]

    @property
    def is_good(self) -> bool:
        """Everything healed, and nothing else touched."""
        return not self.wrong_targets and all(fault.healed for fault in self.faults)

    def as_json(self) -> dict[str, Any]:
        """Return the summary as `out/demo.json` has it."""
        return asdict(self)


def summarise_fault(
    fault: dict[str, Any], status: dict[str, Any], named_cause: str | None, truth: dict[str, Any]
) -> FaultSummary:
    """Sum up one fault from /status and from the twin's truth, both after it is over."""
    begin = fault["injected_unix_ns"]
    issues = [issue for issue in status["issues"] if issue["opened_unix_ns"] >= begin]
    ids = {issue["id"] for issue in issues}
    actions = [a for a in status["actions"] if a["issue_id"] in ids and a["status"] == "applied"]
    verdicts = [issue["verdict"] for issue in issues if issue["verdict"]]
    recovered = [v for v in verdicts if v["outcome"] == "recovered"]
    opened = min((issue["opened_unix_ns"] for issue in issues), default=None)
    cured = next(
        (f["cured_unix_ns"] for f in truth["faults"] if f["injected_unix_ns"] == begin), None
    )
    return FaultSummary(
        kind=fault["kind"],
        service=fault["service"],
        named_cause=named_cause,
        symptom_s=_seconds(begin, opened),
        action=actions[0]["kind"] if actions else None,
        action_s=_seconds(begin, actions[0]["finished_unix_ns"] if actions else None),
        verified_s=_seconds(begin, recovered[0]["decided_unix_ns"] if recovered else None),
        healed=bool(recovered) and cured is not None,
    )


def wrong_targets(truth: dict[str, Any]) -> int:
    """Count the writes that hit a workload other than that of the latest fault before them."""
    wrong = 0
    for write in truth["writes"]:
        begun = [f for f in truth["faults"] if f["injected_unix_ns"] <= write["unix_ns"]]
        wrong += not begun or begun[-1]["workload"] != write["workload"]
    return wrong


def _seconds(begin_unix_ns: int, end_unix_ns: int | None) -> float | None:
    return None if end_unix_ns is None else (end_unix_ns - begin_unix_ns) / 1e9
