"""Fifty sick services: one cause is treated, once, and nothing where there may be two."""

from dataclasses import replace
from typing import Any

from healing.guards import check
from knowledge.cluster import Restart, WriteIntent, WriteOutcome
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.plans import Refused

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS
OTHER = WorkloadKey(namespace="shop", kind="Deployment", name="other", uid="w-other")


def _stormy(world: Any, reading: Any) -> Any:
    """All of fifty services are sick; their issues name one cause."""
    services = [ServiceKey(namespace="shop", name=f"s{index}") for index in range(50)]
    world.symptoms += tuple(reading(2000.0, service=service) for service in services)
    return world


def _refusal(asked: Any) -> tuple[str, str]:
    answer = check(asked)
    return (answer.guard, answer.reason) if isinstance(answer, Refused) else ("approved", "")


def _treated(asked: Any, ago_s: float) -> Any:
    """Something else was treated some time ago."""
    intent = WriteIntent(
        id="i",
        plan_id="p",
        issue_id="x",
        epoch=1,
        change=Restart(target=OTHER),
        resource_version="1",
        undo=None,
        is_undo=False,
        created_unix_ns=NOW - int(ago_s * SECOND_NS),
    )
    outcome = WriteOutcome(intent_id="i", status="applied", reason="", finished_unix_ns=NOW)
    return replace(asked, ledger=asked.ledger.with_intent(intent).with_outcome(outcome))


def test_one_cause_is_treated(world: Any, reading: Any) -> None:
    assert _refusal(_stormy(world, reading).asked())[0] == "approved"


def test_issues_that_name_another_cause_forbid_it(world: Any, reading: Any) -> None:
    asked = _stormy(world, reading).asked()
    (issue,) = asked.situation.issues
    elsewhere = ServiceKey(namespace="shop", name="elsewhere")
    second = replace(issue, id="issue-2", causes=(replace(issue.causes[0], service=elsewhere),))
    asked = replace(asked, situation=replace(asked.situation, issues=(issue, second)))
    guard, reason = _refusal(asked)
    assert guard == "no storm"
    assert "shop/elsewhere may be the cause as well" in reason


def test_what_was_done_since_it_began_was_the_one_treatment(world: Any, reading: Any) -> None:
    asked = _stormy(world, reading).asked()  # it began 20 s ago
    guard, reason = _refusal(_treated(asked, 10))
    assert guard == "no storm"
    assert "Deployment shop/other was treated for it already" in reason


def test_what_was_done_before_it_began_was_for_another_trouble(world: Any, reading: Any) -> None:
    assert _refusal(_treated(_stormy(world, reading).asked(), 30))[0] == "approved"
