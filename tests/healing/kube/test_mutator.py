"""What is told of a write that the breaker holds back, whichever of its calls it is."""

import asyncio
import json
from typing import Any

import pytest

from healing.cluster.kube.api import Answer, Api
from healing.cluster.kube.held_api import HeldBackError
from healing.cluster.kube.mutator import Mutator
from tests.healing.kube.test_patches import INTENT, LIVE


class Held(Api):
    """Answers with the object, or holds back the call that it is told to."""

    def __init__(self, what: str) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # nothing is connected to
        self._what = what

    async def _ask(self, method: str, path: str, **more: Any) -> Answer:
        del path
        call = "look" if method == "GET" else ("dry run" if "dryRun" in more["query"] else "write")
        if call == self._what:
            raise HeldBackError("write", last="status 503", after_s=5.0)
        return Answer(status=200, body=json.dumps(LIVE).encode())


@pytest.mark.parametrize("what", ["look", "dry run", "write"])
def test_a_write_that_was_held_back_is_told_as_not_sent(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("healing.cluster.kube.mutator.moved", lambda *_: None)
    mutator = Mutator(Held(what), now_unix_ns=lambda: 7, on_written=lambda _: None)
    outcome = asyncio.run(mutator.write(INTENT))
    assert (outcome.status, outcome.is_sent) == ("failed", False)
    assert "not sent: too many writes failed" in outcome.reason
