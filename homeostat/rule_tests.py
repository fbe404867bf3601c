"""`homeostat test rules FILE`: do the user's rules find what they should, on rows that users wrote?

A file names the rules (a settings file, or rules of its own) and cases. A case has steps; each has
rows of the window tables and the symptoms that are expected after it. Columns that a row leaves out
are null. Expectations name rule, service and health; what else a rule finds unhealthy is a failure.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import polars as pl
import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from analysis.rules import TABLES, Holds, Rule, detect_custom
from homeostat.settings import SettingsError, load
from knowledge import schemas
from knowledge.issues import Symptom
from knowledge.windows import WindowTables

_SCHEMAS: Final = {name: getattr(schemas, name.upper()) for name in TABLES}
TableName = Literal["services", "operations", "edges", "instances", "blame", "usage"]


class RuleTestError(Exception):
    """The file cannot be used; the text names the place, what it got and what was expected."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(_Part):
    """One symptom that a step must give; `service` is namespace/name."""

    rule: str
    service: Annotated[str, Field(pattern=r"^[^/]*/[^/]+$")]
    health: Literal["healthy", "unhealthy", "unknown"]
    value: float | None = None


class Step(_Part):
    """One look: the rows of it, and what must be found."""

    at_s: float = Field(default=0.0, ge=0)
    tables: dict[TableName, list[dict[str, Any]]] = {}
    expect: list[Expected] = []


class Case(_Part):
    """A story of one or more looks."""

    name: str
    steps: list[Step] = Field(min_length=1)


class RuleFile(_Part):
    """The whole file. `settings` is a path beside it."""

    settings: Path | None = None
    rules: list[dict[str, Any]] = []
    cases: list[Case] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Where a rule found something else than was expected."""

    case: str
    at_s: float
    text: str


def check(path: Path) -> tuple[int, list[Failure]]:
    """Run all cases of a file; return how many there are, and what failed.

    Raises:
        RuleTestError: the file, or a rule in it, cannot be used.
    """
    parsed, rules = _read(path)
    return len(parsed.cases), [
        failure for case in parsed.cases for failure in _played(path, case, rules)
    ]


def run(path: Path) -> int:
    """Print what failed; return 0 if nothing did, 1 if something, 2 if the file cannot be used."""
    try:
        count, failures = check(path)
    except (RuleTestError, SettingsError) as error:
        print(error)
        return 2
    for failure in failures:
        print(f"{failure.case}, at {failure.at_s:g} s: {failure.text}")
    print(f"{count} cases, {len(failures)} failures")
    return 1 if failures else 0


def _read(path: Path) -> tuple[RuleFile, tuple[Rule, ...]]:
    try:
        tree = yaml.safe_load(path.read_text())
    except OSError as error:
        raise RuleTestError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RuleTestError(f"{path}: is not YAML: {error}") from error
    try:
        parsed = RuleFile.model_validate(tree)
        own = TypeAdapter(tuple[Rule, ...]).validate_python(parsed.rules)
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, item['loc']))}: "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors()
        ]
        raise RuleTestError("\n".join(lines)) from error
    loaded = load(path.parent / parsed.settings).analysis.rules if parsed.settings else ()
    rules = (*loaded, *own)
    if not rules:
        raise RuleTestError(f"{path}: no rules: name a settings file, or write some under rules")
    return parsed, rules


def _played(path: Path, case: Case, rules: tuple[Rule, ...]) -> Iterator[Failure]:
    holds: Holds = {}
    names = {rule.name for rule in rules}
    for number, step in enumerate(case.steps):
        where = f"{path}: cases: {case.name}: steps.{number}"
        for wanted in step.expect:
            if wanted.rule not in names:
                known = ", ".join(sorted(names))
                raise RuleTestError(f"{where}: there is no rule {wanted.rule!r}, known: {known}")
        now = int(step.at_s * 1e9)
        holds, symptoms = detect_custom(rules, holds, _tables(step, where), now_unix_ns=now)
        for text in _differences(step.expect, symptoms):
            yield Failure(case=case.name, at_s=step.at_s, text=text)


def _tables(step: Step, where: str) -> WindowTables:
    tables = WindowTables.empty(0, int(60e9))
    frames: dict[str, pl.DataFrame] = {}
    for name, rows in step.tables.items():
        schema: pa.Schema = _SCHEMAS[name]
        for row in rows:
            unknown = sorted(set(row) - set(schema.names))
            if unknown:
                known = ", ".join(schema.names)
                raise RuleTestError(f"{where}: {name} has no column {unknown[0]!r}, it has {known}")
        try:
            table = pa.Table.from_pylist(
                [{column: row.get(column) for column in schema.names} for row in rows], schema
            )
        except (pa.ArrowException, TypeError) as error:
            raise RuleTestError(f"{where}: {name}: {error}") from error
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, schema) as writer:
            writer.write_table(table)
        frames[name] = pl.read_ipc(io.BytesIO(sink.getvalue()))
    return WindowTables(
        start_unix_ns=tables.start_unix_ns,
        end_unix_ns=tables.end_unix_ns,
        **{
            name: frames.get(name, getattr(tables, name)) for name in (*TABLES, "entries", "recent")
        },
    )


def _differences(expected: list[Expected], symptoms: tuple[Symptom, ...]) -> Iterator[str]:
    found = {(s.rule, str(s.service)): s for s in symptoms}
    for wanted in expected:
        got = found.pop((wanted.rule, wanted.service), None)
        health = got.health if got else "unknown"
        value = got.value if got else None
        who = f"rule {wanted.rule} on {wanted.service}"
        if health != wanted.health:
            yield f"{who}: expected {wanted.health}, got {health} (value {value})"
        elif wanted.value is not None and value != wanted.value:
            yield f"{who}: expected the value {wanted.value:g}, got {value}"
    for (rule, service), symptom in found.items():
        if symptom.health == "unhealthy":
            yield f"rule {rule} on {service}: unhealthy ({symptom.value}), and nobody expected it"
