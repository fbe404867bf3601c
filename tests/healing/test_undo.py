"""Undo: only where taking a change back does good."""

from dataclasses import replace
from typing import Any

import pytest

from healing.undo import is_undone
from knowledge.cluster import Change, Restart, RollBackRelease, Scale
from knowledge.identity import WorkloadKey
from knowledge.plans import Verdict

TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")
UP = Scale(target=TARGET, replicas=4, replicas_before=2)
BACK = RollBackRelease(target=TARGET, revision=1, revision_before=2)


@pytest.mark.parametrize(
    ("change", "outcome", "pod", "is_expected"),
    [
        (UP, "unchanged", {"cpu_ratio": 0.3}, True),
        (UP, "worse", {"cpu_ratio": 0.3}, True),
        (UP, "unchanged", {"cpu_ratio": 0.5}, False),  # half the pods would be full
        (UP, "unchanged", {"cpu_ratio": None}, False),
        (UP, "recovered", {"cpu_ratio": 0.3}, False),
        (UP, "unproven", {"cpu_ratio": 0.3}, False),
        (BACK, "unchanged", {"revision": 1, "probe": "failed"}, False),
        (BACK, "worse", {"revision": 1, "probe": "ok"}, False),  # a bad release stays away
        (BACK, "worse", {"revision": 1, "probe": "failed"}, True),  # the older one is no better
        (Restart(target=TARGET), "worse", {}, False),  # there is nothing to take back
    ],
)
def test_is_undone(
    world: Any, change: Change, outcome: Any, pod: dict[str, Any], *, is_expected: bool
) -> None:
    world.pod = replace(world.pod, **pod)
    plan = world.asked(change=change).plan
    if change.kind != "restart":
        plan = replace(plan, undo=change)
    verdict = Verdict(plan_id="p", issue_id="i", outcome=outcome, evidence=(), decided_unix_ns=0)
    assert is_undone(plan, verdict, world.situation(), world.settings) is is_expected
