"""Custom rules: a question of the user's own, in polars SQL, over the window tables.

A rule selects one row a service with the columns `namespace`, `service` and `value`; a service is
sick where its value is above the rule's limit (or below it, where the rule says so), unknown where
it is not selected or its value is null. Only SELECT is accepted, and only from the window tables: a
rule that read files would make the analysis depend on more than its inputs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

import polars as pl

from knowledge.identity import ServiceKey
from knowledge.issues import Health, Symptom
from knowledge.windows import WindowTables

TABLES: Final = ("services", "operations", "edges", "instances", "blame", "usage", "metered")
"""The tables that rules may ask; their columns are in knowledge/schemas.py and docs/symptoms.md."""
ROWS_MAX: Final = 10_000
"""Services that one rule judges at most."""
_WANTED: Final = ("namespace", "service", "value")
_FILES: Final = re.compile(r"\b(read|scan)_\w+\s*\(", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule as the settings have it."""

    name: str
    sql: str
    limit: float
    is_sick_below: bool = False
    """Sick where the value is below the limit instead of above."""
    recover: float | None = None
    """The value that ends it once it is sick; the limit itself if none is given."""
    hold_s: float = 30.0
    """How long a service stays beyond the limit before the rule says so."""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ValueError(f"rule {self.name!r}: {problem}")


def _problem(rule: Rule) -> str | None:
    """What is wrong with a rule, and what to do; None: nothing."""
    if not _NAME.fullmatch(rule.name):
        return "name must begin with a letter and have only letters, digits, _ and -"
    if not isfinite(rule.limit) or rule.hold_s < 0:
        return "limit must be a finite number and hold_s at least 0"
    if rule.recover is not None and (rule.recover > rule.limit) != rule.is_sick_below:
        side = "above" if rule.is_sick_below else "at or below"
        return f"recover must be {side} limit ({rule.limit}), got {rule.recover}"
    if not re.match(r"\s*(SELECT|WITH)\b", rule.sql, re.IGNORECASE):
        return "sql must be one SELECT"
    if _FILES.search(rule.sql):
        return "sql must select from the window tables, not from files"
    try:
        found = _asked(rule, WindowTables.empty(0, 0))
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        return f"sql does not run: {reason}; tables are {', '.join(TABLES)}"
    missing = [name for name in _WANTED if name not in found.columns]
    if missing:
        return f"sql must select {', '.join(_WANTED)}: {', '.join(missing)} is missing"
    kinds = found.schema
    if kinds["namespace"] != pl.String or kinds["service"] != pl.String:
        return "sql must select namespace and service as text"
    if not (kinds["value"].is_numeric() or kinds["value"] in {pl.Boolean, pl.Null}):
        return f"sql must select value as a number, got {kinds['value']}"
    return None


def _asked(rule: Rule, tables: WindowTables) -> pl.DataFrame:
    frames = {name: getattr(tables, name) for name in TABLES}
    with pl.SQLContext(frames=frames, eager=True) as context:
        found = context.execute(rule.sql)
    assert isinstance(found, pl.DataFrame)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """Since when a service is beyond a rule's limit, and whether it is held to be sick."""

    since_unix_ns: int
    is_sick: bool


Holds = Mapping[tuple[str, ServiceKey], Beyond]


def detect_custom(
    rules: tuple[Rule, ...], holds: Holds, tables: WindowTables, *, now_unix_ns: int
) -> tuple[Holds, tuple[Symptom, ...]]:
    """Ask all rules; a rule that fails on the data of the moment finds everything unknown."""
    after: dict[tuple[str, ServiceKey], Beyond] = {}
    symptoms: list[Symptom] = []
    for rule in rules:
        try:
            found = _asked(rule, tables).select(_WANTED)
            values = _worst(found.with_columns(pl.col("value").cast(pl.Float64)), rule)
        except pl.exceptions.PolarsError:
            continue
        for row in values.iter_rows(named=True):
            if row["namespace"] is None or not row["service"]:
                continue
            service = ServiceKey(namespace=row["namespace"], name=row["service"])
            value = row["value"]
            key = (rule.name, service)
            was = holds.get(key)
            if value is None or not isfinite(value):
                if was is not None:
                    after[key] = was  # unknown neither holds on nor lets go
                symptoms.append(_symptom(rule, service, None, "unknown"))
                continue
            now = _held(rule, was, value, now_unix_ns=now_unix_ns)
            if now is not None:
                after[key] = now
            sick = now is not None and now.is_sick
            symptoms.append(_symptom(rule, service, value, "unhealthy" if sick else "healthy"))
    return after, tuple(symptoms)


def _worst(found: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Return one row a service, its worst, in an order that does not depend on the question's."""
    worst = not rule.is_sick_below
    found = found.sort(_WANTED, descending=[False, False, worst], nulls_last=True)
    keys = ("namespace", "service")
    return found.unique(keys, keep="first", maintain_order=True).head(ROWS_MAX)


def _held(rule: Rule, was: Beyond | None, value: float, *, now_unix_ns: int) -> Beyond | None:
    limit = rule.limit
    if was is not None and was.is_sick and rule.recover is not None:
        limit = rule.recover
    if not (value < limit if rule.is_sick_below else value > limit):
        return None
    since = was.since_unix_ns if was else now_unix_ns
    held_s = (now_unix_ns - since) / 1e9
    is_sick = (was is not None and was.is_sick) or held_s >= rule.hold_s
    return Beyond(since_unix_ns=since, is_sick=is_sick)


def _symptom(rule: Rule, service: ServiceKey, value: float | None, health: Health) -> Symptom:
    side = "below" if rule.is_sick_below else "above"
    text = f"{service}: rule {rule.name}: {value} is {side} {rule.limit:g}"
    return Symptom(
        kind="Custom",
        service=service,
        health=health,
        value=value,
        limit=rule.limit,
        baseline=None,
        unit="",
        sample_count=0,
        is_entry=False,
        evidence=(text,) if health == "unhealthy" else (),
        exemplars=(),
        rule=rule.name,
    )
