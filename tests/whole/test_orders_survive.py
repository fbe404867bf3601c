"""What a person was told is taken holds through any death of ours, at the very next moment."""

import json
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from homeostat.core import beginning
from knowledge.journal import Journal
from tests.parts.process import Process, free_port, listens

pytestmark = pytest.mark.whole


def test_a_pause_that_was_answered_survives_kill_9(tmp_path: Path) -> None:
    port, journal_file = free_port(), tmp_path / "journal.db"
    settings = {
        "state_dir": str(tmp_path),
        "status": {"listen": f"127.0.0.1:{port}"},
        "knowledge": {"journal": str(journal_file)},
        "analysis": {
            "window_s": 600.0,
            "pane_s": 60.0,
            "retention_s": 120.0,
        },  # no tick will come for a minute
    }
    config = tmp_path / "homeostat.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = (sys.executable, "-m", "homeostat", "brain", "--config", config)
    brain = Process(command, log=tmp_path / "brain.log").wait_until(lambda: listens(port))
    try:
        (token,) = [path.read_text().strip() for path in tmp_path.glob("*token*")]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/pauses",
            data=json.dumps({"by": "ann", "reason": "hands off", "namespace": "shop"}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 201
            name = json.load(answer)["id"]
        brain.signal(signal.SIGKILL)
    finally:
        brain.stop(0)
    journal = Journal.open(journal_file)
    assert list(journal.ticks()) == []
    epoch = journal.begin_epoch(1, b"{}")
    state = beginning(journal.memory(epoch), epoch=epoch, started_unix_ns=1)
    journal.close()
    assert [(pause.id, pause.namespace) for pause in state.healing.pauses] == [(name, "shop")]
