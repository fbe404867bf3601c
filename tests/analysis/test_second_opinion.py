"""Of two ways to a cause the surer one is believed."""

from typing import Any

import pytest

from analysis.second_opinion import surer
from knowledge.diagnosis import Diagnosis, Question, Statement, Suspect
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Cause, Finding

CART = ServiceKey(namespace="shop", name="cart")
STORE = ServiceKey(namespace="shop", name="store")
WORKLOAD = WorkloadKey(namespace="shop", kind="Deployment", name="store", uid="u")


def _cause(service: ServiceKey, confidence: float) -> Cause:
    return Cause(
        service=service,
        workload=None,
        kind="slow",
        explains_ratio=confidence,
        confidence=confidence,
        arrival_ratio=1.5,
        evidence=("blamed",),
    )


def _diagnosis(service: ServiceKey, confidence: float, finding: Finding = "cause") -> Diagnosis:
    statement = Statement(witness="behaviour", strength=1.0, evidence="seen")
    return Diagnosis(
        question=Question(onset_unix_ns=1, until_unix_ns=2),
        finding=finding,
        suspects=(Suspect(service=service, score=0.9, statements=(statement,)),),
        confidence=confidence,
        margin=0.9,
        sentence="",
        request_count=1,
        usual_request_count=1,
    )


@pytest.mark.parametrize(
    ("blamed", "diagnosis", "named"),
    [
        (("cause", (_cause(CART, 0.9),)), None, CART),
        (("cause", (_cause(CART, 0.9),)), _diagnosis(STORE, 0.8), CART),
        (("cause", (_cause(CART, 0.5),)), _diagnosis(STORE, 0.8), STORE),
        (("several causes", (_cause(CART, 0.2),)), _diagnosis(STORE, 0.6), STORE),
        (("cause", (_cause(CART, 0.5),)), _diagnosis(STORE, 0.8, "several causes"), CART),
    ],
)
def test_the_surer_is_believed(blamed: Any, diagnosis: Diagnosis | None, named: ServiceKey) -> None:
    _, causes = surer(blamed, diagnosis, {STORE: WORKLOAD})
    assert causes[0].service == named


def test_what_only_the_diagnosis_names_has_its_workload_and_no_more_confidence() -> None:
    blamed: tuple[Finding, tuple[Cause, ...]] = ("no cause in view", ())
    finding, (cause,) = surer(blamed, _diagnosis(STORE, 0.8), {STORE: WORKLOAD})
    assert (finding, cause.workload, cause.confidence) == ("cause", WORKLOAD, 0.8)
    assert (cause.kind, cause.evidence) == ("failing", ("seen",))


def test_where_both_agree_the_evidence_of_both_is_shown() -> None:
    _, (cause,) = surer(("cause", (_cause(STORE, 0.5),)), _diagnosis(STORE, 0.8), {})
    assert (cause.confidence, cause.arrival_ratio) == (0.5, 1.5)
    assert cause.evidence == ("blamed", "seen")
