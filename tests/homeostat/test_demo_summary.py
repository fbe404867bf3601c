"""The demo's summary: the twin's truth beside the service's word, in seconds since the fault."""

from typing import Any

import pytest

from homeostat.demo.summary import FaultSummary, Summary, summarise_fault, wrong_targets

SECOND_NS = 10**9
FAULT = {"kind": "overload", "service": "search", "injected_unix_ns": 100 * SECOND_NS}


def _status(outcome: str | None = "recovered", opened_s: int = 106) -> dict[str, Any]:
    verdict = {"outcome": outcome, "decided_unix_ns": 150 * SECOND_NS} if outcome else None
    action = {
        "issue_id": "i",
        "kind": "scale",
        "status": "applied",
        "finished_unix_ns": 112 * SECOND_NS,
    }
    issue = {"id": "i", "opened_unix_ns": opened_s * SECOND_NS, "verdict": verdict}
    return {"issues": [issue], "actions": [action]}


def _truth(cured_s: int | None = 120) -> dict[str, Any]:
    cured = None if cured_s is None else cured_s * SECOND_NS
    return {"faults": [{**FAULT, "cured_unix_ns": cured}]}


def test_times_count_from_the_fault() -> None:
    found = summarise_fault(FAULT, _status(), "search", _truth())
    assert (found.symptom_s, found.action_s, found.verified_s) == (6, 12, 50)
    assert (found.action, found.named_cause, found.healed) == ("scale", "search", True)


@pytest.mark.parametrize(
    ("status", "truth"),
    [
        (_status("unchanged"), _truth()),
        (_status(None), _truth()),
        (_status(), _truth(None)),  # the service says recovered, the truth says no
        (_status(opened_s=90), _truth()),  # an issue from before the fault is another story
    ],
)
def test_healed_needs_both_the_verdict_and_the_truth(
    status: dict[str, Any], truth: dict[str, Any]
) -> None:
    assert not summarise_fault(FAULT, status, "search", truth).healed


@pytest.mark.parametrize(
    ("writes", "count"),
    [
        ([(105, "search")], 0),
        ([(105, "cart")], 1),
        ([(95, "search")], 1),  # before any fault, nothing is right
        ([(205, "search"), (206, "cart")], 1),  # the fault of the moment counts
    ],
)
def test_writes_elsewhere_are_wrong(writes: list[tuple[int, str]], count: int) -> None:
    truth = {
        "faults": [
            {"injected_unix_ns": 100 * SECOND_NS, "workload": "search"},
            {"injected_unix_ns": 200 * SECOND_NS, "workload": "cart"},
        ],
        "writes": [{"unix_ns": at * SECOND_NS, "workload": name} for at, name in writes],
    }
    assert wrong_targets(truth) == count


def test_good_means_all_healed_and_nothing_else_touched() -> None:
    fault = FaultSummary(
        kind="overload",
        service="a",
        named_cause="a",
        symptom_s=1,
        action="scale",
        action_s=2,
        verified_s=3,
        healed=True,
    )
    assert Summary(seed=1, wrong_targets=0, faults=(fault,)).is_good
    assert not Summary(seed=1, wrong_targets=1, faults=(fault,)).is_good
