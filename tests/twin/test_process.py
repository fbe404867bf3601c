"""The twin as a process of its own: it plays when asked, and ends when it is told or orphaned."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from twin.model import NS_PER_S

if TYPE_CHECKING:
    from tests.twin.conftest import Collector, Peer

Connect = Callable[[Path], "Peer"]
Twin = subprocess.Popen[bytes]

START_UNIX_NS = 1_800_000_000 * NS_PER_S
DEADLINE_S = 20.0
PROGRAM = """
import sys
from pathlib import Path
from twin.main import TwinSettings, run
endpoint, directory, start = sys.argv[1:]
sys.exit(run(TwinSettings(
    otlp_endpoint=endpoint,
    cluster_socket=Path(directory, "cluster"),
    control_socket=Path(directory, "control"),
    seed=7,
    start_unix_ns=int(start),
)))
"""


@pytest.fixture
def twin(collector: "tuple[Collector, str]", tmp_path: Path) -> Iterator[Twin]:
    command = [sys.executable, "-c", PROGRAM, collector[1], str(tmp_path), str(START_UNIX_NS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    tick = threading.Event()
    for _ in range(int(DEADLINE_S / 0.05)):
        if (tmp_path / "control").exists() and (tmp_path / "cluster").exists():
            break
        assert process.poll() is None
        tick.wait(0.05)
    yield process
    if process.stdin is not None:
        process.stdin.close()
    process.wait(DEADLINE_S)


@pytest.mark.usefixtures("twin")
def test_telemetry_goes_out_and_the_cluster_port_answers(
    collector: "tuple[Collector, str]", connect: Connect, tmp_path: Path
) -> None:
    answer = connect(tmp_path / "control").advance(10)
    assert answer["sent"] == answer["acknowledged"]
    assert answer["sent"]["traces"] == collector[0].accepted["traces"] > 3_000
    assert connect(tmp_path / "cluster").ask({"method": "report"}).header["ok"]


def test_stop_is_answered_and_ends_the_process(
    twin: Twin, connect: Connect, tmp_path: Path
) -> None:
    assert connect(tmp_path / "control").ask({"method": "stop"}).header == {"ok": True}
    assert twin.wait(DEADLINE_S) == 0
    assert not (tmp_path / "control").exists()
    assert not (tmp_path / "cluster").exists()


def test_sigterm_ends_the_process(twin: Twin) -> None:
    os.kill(twin.pid, signal.SIGTERM)
    assert twin.wait(DEADLINE_S) == 0


def test_the_end_of_its_parents_pipe_ends_the_process(twin: Twin) -> None:
    assert twin.stdin is not None
    twin.stdin.close()
    assert twin.wait(DEADLINE_S) == 0
