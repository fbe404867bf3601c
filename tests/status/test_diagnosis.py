import asyncio
import json
from typing import Any

from fastapi import FastAPI

from knowledge.diagnosis import Diagnosis, Question, Statement, Suspect
from knowledge.identity import ServiceKey
from status.diagnosis import diagnosis_router

S = 10**9


async def _answer(onset_unix_ns: int, leave_out: tuple[tuple[int, int], ...]) -> Diagnosis:
    """Says what it was asked, and names one service."""
    statement = Statement(witness="latency", strength=0.9, evidence="all of it")
    store = ServiceKey(namespace="shop", name="store")
    return Diagnosis(
        question=Question(
            onset_unix_ns=onset_unix_ns, until_unix_ns=onset_unix_ns + S, leave_out=leave_out
        ),
        finding="cause",
        suspects=(Suspect(service=store, score=0.8, statements=(statement,)),),
        confidence=0.7,
        margin=0.8,
        sentence=f"asked without {leave_out}",
        request_count=5,
        usual_request_count=50,
    )


def _post(question: Any) -> tuple[int, Any]:
    app = FastAPI()
    app.include_router(diagnosis_router(_answer))
    content = json.dumps(question).encode()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/v1/diagnose",
        "raw_path": b"/api/v1/diagnose",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asyncio.run(app(scope, receive, send))
    body = b"".join(part.get("body", b"") for part in sent)
    return int(sent[0]["status"]), json.loads(body)


def test_a_question_is_answered_with_causes_and_a_sentence() -> None:
    period = {"from_unix_s": 10.0, "to_unix_s": 20.0}
    code, answer = _post({"onset_unix_s": 100.5, "leave_out": [period]})
    assert code == 200
    assert answer["onset_unix_s"] == 100.5
    assert answer["sentence"] == f"asked without {((10 * S, 20 * S),)}"
    (cause,) = answer["causes"]
    assert (cause["service"], cause["score"]) == ("store", 0.8)
    assert cause["statements"][0]["witness"] == "latency"


def test_a_question_that_makes_no_sense_is_refused_with_its_reason() -> None:
    backwards = {"from_unix_s": 20.0, "to_unix_s": 10.0}
    for wrong in (
        {},
        {"onset_unix_s": -1},
        {"onset_unix_s": "yesterday"},
        {"onset_unix_s": 100.0, "leave_out": [backwards]},
        {"onset_unix_s": 100.0, "other": 1},
    ):
        code, answer = _post(wrong)
        assert code == 422
        assert answer["detail"]
