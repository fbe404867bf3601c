"""`homeostat simulate`: the shipped scenarios play, and what is wrong in one is named."""

import json
from pathlib import Path

import polars as pl
import pytest

from homeostat.cli import main
from homeostat.simulate.play import play
from homeostat.simulate.scenario import FixedPolicy, load_scenario

SHIPPED = sorted((Path(__file__).parents[2] / "deploy" / "scenarios").glob("*.yaml"))
SHORT = """
service: {replicas: 4, slo_ms: 750}
traffic:
  duration: 10m
  shapes: [{kind: level, rate: 40}, {kind: surge, at: 4m, factor: 3, hold: 2m}]
faults: [{kind: pods_killed, at: 6m, count: 1}, {kind: no_telemetry, at: 8m, for: 30s}]
policies:
  a: {kind: hpa-cpu}
  b: {kind: slo}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_scenario_plays(path: Path) -> None:
    scenario = load_scenario(path)
    if scenario.traffic.duration == 86_400:  # all policies over a day: 6 s of CPU
        still = FixedPolicy(kind="fixed", replicas=12)
        scenario = scenario.model_copy(update={"policies": {"still": still}})
    report = play(scenario, path.parent)
    assert all(outcome.requests > 100_000 for outcome in report.outcomes)
    assert all(outcome.score.slo_violation_s > 0 for outcome in report.outcomes)


def test_the_report_tells_figures_faults_and_the_course(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["simulate", str(written(tmp_path, SHORT))]) == 0
    told = capsys.readouterr().out
    assert "mine: 00:10:00 of traffic" in told
    assert "00:06:00  pods killed: count 1" in told
    assert "the promise did not hold for" in told
    assert told.count("00:05:00") >= 2  # a line of the course, for each policy


@pytest.mark.parametrize("engine", ["fluid", "event"])
def test_json_has_the_same_requests_for_all_and_the_same_figures_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    path = written(tmp_path, SHORT)
    reports = []
    for _ in range(2):
        assert main(["simulate", str(path), "--json", "-", "--engine", engine]) == 0
        reports.append(json.loads(capsys.readouterr().out))
        reports[-1].pop("cpu_s")
    first, second = reports
    assert first == second
    assert first["engine"] == engine
    a, b = first["outcomes"]
    assert (a["policy"], b["policy"]) == ("a", "b")
    assert a["requests"] == b["requests"] > 20_000
    assert 0 < b["score"]["slo_violation_s"] < a["score"]["slo_violation_s"]
    for outcome in (a, b):
        assert outcome["changes"][0] == [0, 4]
        slots, episodes = outcome["slots"], outcome["episodes"]
        whole = outcome["score"]["slo_violation_s"]
        assert sum(slot["violation_s"] for slot in slots) == whole
        assert sum(episode["violation_s"] for episode in episodes) == whole


def test_a_recording_beside_the_scenario_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"requests": [30] * 600}).write_parquet(tmp_path / "web.parquet")
    text = (
        "traffic: {trace: web.parquet, duration: 5m}\npolicies: {one: {kind: fixed, replicas: 5}}"
    )
    assert main(["simulate", str(written(tmp_path, text)), "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["duration_s"] == 300
    assert report["outcomes"][0]["requests"] == 9000


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("kind: hpa-cpu", "kind: hpa-gpu", "policies.a: input tag 'hpa-gpu'"),
        ("slo_ms: 750", "slo_ms: -1", "service.slo_ms: got -1: input should be greater than 0"),
        ("slo_ms", "slo", "service.slo: there is no such key"),
        ("duration: 10m", "duration: ten", "traffic.duration: got 'ten': expected a time such as"),
        ("  duration: 10m\n", "", "traffic: shapes need a duration, such as 2h"),
        ("at: 6m, count: 1", "at: 6m", "faults.0.pods_killed.count: is needed"),
        ("replicas: 4", "replicas_min: 9, replicas_max: 3", "replicas_min 9 is above"),
        ("duration: 10m", "duration: 2s", "traffic: 2 s: expected 5 s or more"),
        ("shapes: [", "trace: x.parquet\n  shapes: [", "either trace (a Parquet file) or shapes"),
        ("at: 8m", "at: 9h", "faults.1.at: 09:00:00 is after the end of the traffic, 00:10:00"),
        ("rate: 40", "rate: 1.0e+9", "traffic.shapes.0.level.rate: got"),
        (
            "kind: level, rate: 40",
            "kind: ramp, begin: 5m, end: 1m, low: 1, high: 9",
            "begin 300 s is not before end 60 s",
        ),
        ("kind: level, rate: 40", "kind: wave, low: 9, high: 1", "low 9 is above high 1"),
    ],
)
def test_what_is_wrong_is_named_with_key_value_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, told: str
) -> None:
    assert before in SHORT
    assert main(["simulate", str(written(tmp_path, SHORT.replace(before, after)))]) == 2
    error = capsys.readouterr().err
    assert all("mine.yaml: " in line for line in error.splitlines())
    assert told in error


def test_json_that_cannot_be_written_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(written(tmp_path, SHORT)), "--json", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert told.err == f"--json {tmp_path}: Is a directory\n"
    assert told.out == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "is not YAML"),
        ("x", "expected traffic and policies, got str"),
        (
            "traffic: {trace: no.parquet}\npolicies: {a: {kind: slo}}",
            "no.parquet: expected Parquet",
        ),
    ],
)
def test_what_is_no_scenario_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    assert main(["simulate", str(written(tmp_path, text))]) == 2
    assert told in capsys.readouterr().err
    assert main(["simulate", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: cannot be read" in capsys.readouterr().err
