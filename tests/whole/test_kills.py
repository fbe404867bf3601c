"""With a log nothing acknowledged is lost and nothing counts twice, whoever is killed when."""

import random
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.whole.conftest import Service
from tests.whole.load import Load

pytestmark = pytest.mark.whole
ROUND: int = 20
"""Kills between two looks at what is kept; then it begins anew, or replays would grow for ever."""

VICTIMS = ("receivers", "brain", "receivers and brain", "all")


def _kill(service: Service, victims: str, receivers: int) -> None:
    names = [f"receiver-{index}" for index in range(receivers)] if "receivers" in victims else []
    names += ["brain"] if "brain" in victims else []
    if victims == "all":
        names = ["brain", *(f"receiver-{index}" for index in range(receivers))]
        service.let_go()
        service.process.kill()
    for name in names:
        try:
            service.kill(name)
        except ProcessLookupError:
            continue  # it is being started again
    if victims == "all":
        service.process.wait()
        service.start()


def _round(directory: Path, chance: random.Random, kills: int, receivers: int) -> tuple[int, int]:
    """Kill now and then under load; return how many spans were acknowledged, and refusals."""
    directory.mkdir()
    service = Service(
        directory,
        receiver={"durability": "wal", "processes": receivers},
        analysis={"window_s": 30.0, "lateness_s": 0.0, "retention_s": 60.0},
    )
    load = Load(
        otlp=service.otlp, otlp_http=service.otlp_http, end_unix_ns=service.start_unix_ns + 10**9
    )
    for number in range(kills):
        load.start(f"kill-{number}")
        threading.Event().wait(chance.uniform(0.05, 1.0))
        _kill(service, VICTIMS[number % len(VICTIMS)], receivers)
        threading.Event().wait(chance.uniform(0.0, 0.5))
        load.stop()
    service.let_go()
    service.find_clock()  # the brain may be another by now
    status = service.advance(10)
    kept = {row["service"]: row["span_count"] for row in status["services"]}
    assert service.stop() == 0, service.log.read_text()
    assert kept == dict(load.acknowledged)
    assert status["halted"] is None
    assert load.given_up == []
    assert not any("gap" in note for note in status["notes"])
    return sum(load.acknowledged.values()), load.refused


def test_nothing_acknowledged_is_lost_and_nothing_counts_twice(
    tmp_path: Path, request: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    left = request.config.getoption("kills")
    number = 0
    while left > 0:
        kills = min(left, ROUND)
        chance, receivers = random.Random(number), 2 - number % 2
        spans, refused = _round(tmp_path / str(number), chance, kills, receivers)
        with capsys.disabled():
            sys.stdout.write(
                f"{kills} kills, {receivers} receivers: {spans} spans, {refused} refusals\n"
            )
        left, number = left - kills, number + 1
