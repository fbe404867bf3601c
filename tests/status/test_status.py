"""The surface: the promised JSON, and honest health."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from fastapi import FastAPI

from knowledge.breakers import BreakerRecord
from knowledge.cluster import Restart, RollBackRelease, Scale
from knowledge.diagnosis import Diagnosis
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Cause, Issue
from knowledge.plans import Expectation, Fact, RecoveryPlan, Refused, Verdict
from knowledge.remedies import RemedyChoice, RemedyReport
from knowledge.schemas import SERVICES
from knowledge.snapshot import StatusSnapshot, TraceRecord, Treatment
from knowledge.windows import Freshness, WindowTables
from status.app import create_app
from status.issues import describe
from status.views import view

KEY = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="u")
FRONT = ServiceKey(namespace="shop", name="front")


TRACE = "0123456789abcdef" * 2


def _app(snapshot: StatusSnapshot) -> FastAPI:
    async def find_trace(trace_id: str) -> TraceRecord:
        spans = ({"item": {"name": "GET /"}},) if trace_id == TRACE else ()
        return TraceRecord(trace_id=trace_id, spans=spans, logs=(), is_whole=True)

    return create_app(lambda: snapshot, _no_answer, find_trace=find_trace, version="0")


def _services() -> pl.DataFrame:
    row: dict[str, Any] = dict.fromkeys(SERVICES.names, 1)
    row |= {"namespace": "shop", "service": "front", "error_ratio": 0.5, "exemplars": ["aa"]}
    floats = [f.name for f in SERVICES if str(f.type) == "double"]
    return pl.DataFrame([row]).with_columns(pl.col(floats).cast(pl.Float64))


@pytest.fixture
def snapshot() -> StatusSnapshot:
    issue = Issue(
        id="issue-1",
        kind="ServiceFailure",
        state="firing",
        severity="critical",
        service=FRONT,
        opened_unix_ns=1,
        fired_unix_ns=2,
        resolved_unix_ns=None,
        healthy_since_unix_ns=None,
        seen_unix_ns=2,
        symptoms=(),
        finding="cause",
        causes=(
            Cause(
                service=ServiceKey(namespace="shop", name="back"),
                workload=KEY,
                kind="failing",
                explains_ratio=0.9,
                confidence=0.8,
                arrival_ratio=None,
                evidence=("90%",),
            ),
        ),
    )
    plan = RecoveryPlan(
        id="plan-1",
        issue_id="issue-1",
        cause=FRONT,
        change=Scale(target=KEY, replicas=4, replicas_before=2),
        undo=Scale(target=KEY, replicas=2, replicas_before=4),
        facts=(Fact(source="api", text="busy"),),
        expected=Expectation(service=FRONT, text="well again", deadline_unix_ns=9),
        created_unix_ns=3,
        expires_unix_ns=4,
    )
    return StatusSnapshot(
        version="0",
        now_unix_ns=5,
        mode="auto",
        notes=("a note",),
        halted=None,
        is_warm=True,
        freshness=(Freshness(signal="traces", age_s=None, rows=0),),
        ingest=(),
        senders={},
        receivers={},
        tables=replace(WindowTables.empty(0, 15 * 10**9), services=_services()),
        symptoms=(),
        issues=(issue,),
        treatments=(
            Treatment(
                issue_id="issue-1",
                plan=plan,
                guards=(),
                refusals=(Refused(issue_id="issue-1", guard="mode", reason="observe"),),
                verdict=Verdict(
                    plan_id="plan-1",
                    issue_id="issue-1",
                    outcome="recovered",
                    evidence=("well",),
                    decided_unix_ns=8,
                ),
            ),
        ),
        actions=(),
    )


def _get(app: FastAPI, path: str) -> tuple[int, bytes]:
    """One GET, straight through the ASGI interface."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asyncio.run(app(scope, receive, send))
    body = b"".join(part.get("body", b"") for part in sent)
    return int(sent[0]["status"]), body


async def _no_answer(onset_unix_ns: int, leave_out: tuple[tuple[int, int], ...]) -> Diagnosis:
    raise AssertionError(f"nobody asked for {onset_unix_ns} without {leave_out}")


def test_status_has_the_promised_shape(snapshot: StatusSnapshot) -> None:
    code, body = _get(_app(snapshot), "/status")
    status = json.loads(body)
    assert code == 200
    assert status["freshness"] == {"traces": {"age_s": None, "rows": 0}}
    assert status["services"] == [
        {
            "namespace": "shop",
            "service": "front",
            "p50_ms": 1.0,
            "p95_ms": 1.0,
            "p99_ms": 1.0,
            "error_ratio": 0.5,
            "span_count": 1,
            "window_s": 15.0,
        }
    ]
    (issue,) = status["issues"]
    assert issue["causes"][0]["workload"] == "Deployment shop/back"
    assert issue["plan"]["actions"] == [
        {
            "kind": "scale",
            "target": "Deployment shop/back",
            "detail": "scale Deployment shop/back from 2 to 4",
        }
    ]
    assert issue["plan"]["rollback"] == "scale Deployment shop/back from 4 to 2"
    assert issue["refusals"] == ["mode: observe"]
    assert issue["verdict"]["outcome"] == "recovered"
    assert {"version", "now_unix_ns", "mode", "halted", "actions"} <= set(status)


def test_an_untreated_issue_has_no_plan_and_no_verdict(snapshot: StatusSnapshot) -> None:
    (issue,) = view(replace(snapshot, treatments=())).issues
    assert (issue.plan, issue.refusals, issue.verdict) == (None, [], None)


def test_it_is_told_who_chooses_among_remedies_and_which_calls_are_held_back(
    snapshot: StatusSnapshot,
) -> None:
    choice = RemedyChoice(
        context="PerformanceDegradation: slow",
        remedy="scale",
        rule="scale",
        propensity=1.0,
        proposed="restart",
        policy=(("scale", 0.2), ("restart", 0.8)),
        reason="shadow: restart with probability 0.80",
    )
    report = RemedyReport(
        mode="shadow",
        is_promoted=False,
        is_fallen_back=False,
        judged_count=1,
        differing_count=1,
        drawn_count=0,
        gain=0.1,
        gain_lower=None,
        reason="shadow: the rules choose, its choice is told",
        latest=(("issue-1", choice),),
    )
    held = BreakerRecord(calls="write", mode="open", held_back_count=3, reason="no calls")
    status = json.loads(
        _get(_app(replace(snapshot, remedies=report, breakers=(held,))), "/status")[1]
    )
    (latest,) = status["remedies"]["latest"]
    assert (latest["issue_id"], latest["proposed"]) == ("issue-1", "restart")
    assert latest["policy"] == {"scale": 0.2, "restart": 0.8}
    assert (status["remedies"]["mode"], status["remedies"]["gain_lower"]) == ("shadow", None)
    assert status["breakers"] == [
        {"calls": "write", "mode": "open", "held_back_count": 3, "reason": "no calls"}
    ]


def test_ready_says_why_it_is_not(snapshot: StatusSnapshot) -> None:
    halted = replace(snapshot, halted="ValueError: a bug")
    assert _get(_app(snapshot), "/readyz") == (200, b"ok\n")
    app = _app(halted)
    assert _get(app, "/readyz") == (503, b"halted: ValueError: a bug\n")
    assert _get(app, "/livez") == (200, b"ok\n")
    assert json.loads(_get(app, "/status")[1])["halted"] == "ValueError: a bug"


def test_a_trace_is_told_as_its_senders_wrote_it(snapshot: StatusSnapshot) -> None:
    code, body = _get(_app(snapshot), f"/api/v1/traces/{TRACE}")
    assert code == 200
    assert json.loads(body) == {
        "trace_id": TRACE,
        "spans": [{"item": {"name": "GET /"}}],
        "logs": [],
        "is_whole": True,
    }


@pytest.mark.parametrize(("trace_id", "code"), [("f" * 32, 404), ("f" * 31, 422), ("x" * 32, 422)])
def test_a_trace_that_is_not_held_or_no_id_is_said_so(
    snapshot: StatusSnapshot, trace_id: str, code: int
) -> None:
    assert _get(_app(snapshot), f"/api/v1/traces/{trace_id}")[0] == code


def test_the_interface_describes_itself(snapshot: StatusSnapshot) -> None:
    code, body = _get(_app(snapshot), "/openapi.json")
    assert code == 200
    assert {"/status", "/livez", "/readyz"} <= set(json.loads(body)["paths"])


def test_changes_are_described_in_words() -> None:
    assert describe(Restart(target=KEY)) == "restart the pods of Deployment shop/back"
    back = RollBackRelease(target=KEY, revision=1, revision_before=2)
    assert describe(back) == "put Deployment shop/back back from revision 2 to 1"
