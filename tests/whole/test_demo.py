"""The demo: both faults healed on the right workload, in time, and the journal replays."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole


def test_both_faults_are_healed_in_time_and_nothing_else_is_touched(
    tmp_path: Path, seed: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "homeostat", "demo", "--fast", "--seed", str(seed)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replayed from the journal came out the same" in " ".join(done.stdout.split())
    summary = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert summary["seed"] == seed
    assert summary["wrong_targets"] == 0
    assert [(f["kind"], f["action"]) for f in summary["faults"]] == [
        ("overload", "scale"),
        ("bad_release", "roll_back_release"),
    ]
    for fault in summary["faults"]:
        assert fault["named_cause"] == fault["service"]
        assert fault["symptom_s"] <= 15
        assert fault["action_s"] <= 30
        assert fault["verified_s"] <= 120
        assert fault["healed"]
