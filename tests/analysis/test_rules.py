"""Rules of the user's own: checked when they are read, tri-state, held before they speak."""

from dataclasses import replace

import polars as pl
import pytest

from analysis.rules import Holds, Rule, detect_custom
from knowledge.windows import WindowTables

S = 10**9
SQL = "SELECT namespace, service, cpu_ratio AS value FROM usage"


def _look(*values: float | None) -> WindowTables:
    tables = WindowTables.empty(0, 60 * S)
    row = {"namespace": "shop", "pod": "p", "time_unix_ns": 0}
    rows = [
        {**row, "service": f"s{index}", "cpu_ratio": v, "memory_ratio": None, "memory_bytes": None}
        for index, v in enumerate(values)
    ]
    return replace(tables, usage=pl.DataFrame(rows, schema=tables.usage.schema))


def _healths(rule: Rule, *looks: tuple[int, float | None]) -> list[str]:
    holds: Holds = {}
    result: list[str] = []
    for at_s, value in looks:
        holds, symptoms = detect_custom((rule,), holds, _look(value), now_unix_ns=at_s * S)
        result.append(symptoms[0].health)
    return result


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("SELECT namespace, service, foo AS value FROM services", 'column "foo"'),
        ("SELECT namespace, service FROM services", "value is missing"),
        ("SELECT namespace, service, service AS value FROM services", "as a number"),
        ("SELECT 1 AS namespace, service, 1 AS value FROM services", "as text"),
        ("SELECT * FROM read_csv('/etc/passwd')", "not from files"),
        ("DROP TABLE services", "one SELECT"),
        (f"{SQL}; DROP TABLE services", "one (and only one) statement"),
        ("SELECT namespace, service, 1 AS value FROM nothing", "tables are services"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_name_with_the_remedy(
    sql: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match="rule 'mine'") as caught:
        Rule(name="mine", sql=sql, limit=1.0)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"name": "two words"}, {"limit": float("nan")}, {"hold_s": -1.0}, {"recover": 2.0}],
)
def test_other_mistakes_are_refused_too(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="rule"):
        Rule(**{"name": "mine", "sql": SQL, "limit": 1.0, **changes})  # type: ignore[arg-type]


def test_a_rule_speaks_after_its_hold_and_ends_at_its_recovery() -> None:
    rule = Rule(name="mine", sql=SQL, limit=0.9, recover=0.7, hold_s=30)
    looks = ((0, 0.95), (20, 0.95), (30, 0.95), (35, 0.8), (40, 0.6), (45, 0.8))
    assert _healths(rule, *looks) == [
        *("healthy", "healthy", "unhealthy", "unhealthy", "healthy", "healthy")
    ]


def test_below_may_be_sick_as_well() -> None:
    rule = Rule(name="mine", sql=SQL, limit=0.1, is_sick_below=True, recover=0.2, hold_s=0)
    assert _healths(rule, (0, 0.05), (5, 0.15), (10, 0.25)) == ["unhealthy", "unhealthy", "healthy"]


def test_null_is_unknown_and_ends_nothing() -> None:
    rule = Rule(name="mine", sql=SQL, limit=0.9, hold_s=10)
    looks = ((0, 0.95), (5, None), (10, 0.95))
    assert _healths(rule, *looks) == ["healthy", "unknown", "unhealthy"]


def test_a_rule_that_fails_on_todays_rows_finds_nothing_and_stops_nobody() -> None:
    broken = Rule(
        name="broken",
        sql="SELECT namespace, service, CAST(service AS INT) AS value FROM usage",
        limit=1.0,
    )
    fine = Rule(name="fine", sql=SQL, limit=0.5, hold_s=0)
    _, symptoms = detect_custom((broken, fine), {}, _look(0.9), now_unix_ns=0)
    assert [s.rule for s in symptoms] == ["fine"]
