"""`homeostat test rules`: users' cases are played, and mistakes in them are named."""

from pathlib import Path

import pytest

from homeostat.cli import main

RULES = """
rules:
  - name: slow-cart
    sql: SELECT namespace, service, latency_ms_p95 AS value FROM services WHERE span_count >= 20
    limit: 300
    hold_s: 10
cases:
  - name: a slow cart is told after ten seconds
    steps:
      - at_s: 0
        tables: {services: [{namespace: shop, service: cart, span_count: 50, latency_ms_p95: 400}]}
        expect: [{rule: slow-cart, service: shop/cart, health: healthy}]
      - at_s: 10
        tables: {services: [{namespace: shop, service: cart, span_count: 50, latency_ms_p95: 400}]}
        expect: [{rule: slow-cart, service: shop/cart, health: HEALTH, value: 400}]
"""


def _run(path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    path.write_text(text)
    code = main(["test", "rules", str(path)])
    return code, capsys.readouterr().out


def test_cases_that_hold_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = _run(tmp_path / "t.yaml", RULES.replace("HEALTH", "unhealthy"), capsys)
    assert (code, out) == (0, "1 cases, 0 failures\n")


def test_cases_that_do_not_hold_say_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = _run(tmp_path / "t.yaml", RULES.replace("HEALTH", "healthy"), capsys)
    assert code == 1
    assert "at 10 s: rule slow-cart on shop/cart: expected healthy, got unhealthy" in out


def test_what_nobody_expected_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, _, _ = RULES.rpartition("        expect:")
    code, out = _run(tmp_path / "t.yaml", text, capsys)
    assert code == 1
    assert "nobody expected it" in out


@pytest.mark.parametrize(
    ("was", "now", "complaint"),
    [
        ("latency_ms_p95 AS value", "p95 AS value", 'unable to find column "p95"'),
        ("span_count: 50", "spans: 50", "services has no column 'spans'"),
        ("rule: slow-cart", "rule: slow", "there is no rule 'slow', known: slow-cart"),
        ("cases:", "case:", "cases"),
        ("rules:", "rules: [", "is not YAML"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], was: str, now: str, complaint: str
) -> None:
    code, out = _run(
        tmp_path / "t.yaml", RULES.replace("HEALTH", "unhealthy").replace(was, now), capsys
    )
    assert code == 2
    assert complaint in out


def test_rules_may_be_those_of_a_settings_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, cases = RULES.split("cases:")
    rules = head.replace("\n", "\n  ").rstrip()
    (tmp_path / "homeostat.yaml").write_text(f"analysis:{rules}\n")
    text = "settings: homeostat.yaml\ncases:" + cases.replace("HEALTH", "unhealthy")
    code, out = _run(tmp_path / "t.yaml", text, capsys)
    assert (code, out) == (0, "1 cases, 0 failures\n")
