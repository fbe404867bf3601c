"""The settings' documents say what the code does: every key, with its default."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from healing.guards import GUARDS, UNDO_GUARDS
from homeostat.settings import Settings

ROOT = Path(__file__).parents[2]


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        names = list(type(value).model_fields)
    elif is_dataclass(value):
        names = [field.name for field in fields(value)]
    else:
        return [(prefix, value)]
    return [
        leaf
        for name in names
        for leaf in _leaves(getattr(value, name), f"{prefix}.{name}" if prefix else name)
    ]


LEAVES = _leaves(Settings())


def test_the_example_uncommented_is_all_defaults() -> None:
    lines = (ROOT / "homeostat.example.yaml").read_text().splitlines()
    bare = [re.sub(r"^#(?=\s*\w+:)", "", line) for line in lines]
    tree = yaml.safe_load("\n".join(bare))
    assert Settings.model_validate(tree) == Settings()
    keys = {key for key, _ in LEAVES}
    assert {key for key, _ in _leaves_of_tree(tree)} == keys


def _leaves_of_tree(tree: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(tree, dict) or not tree:
        return [(prefix, tree)]
    return [
        leaf
        for name, value in tree.items()
        for leaf in _leaves_of_tree(value, f"{prefix}.{name}" if prefix else name)
    ]


@pytest.mark.parametrize(("key", "default"), LEAVES, ids=[key for key, _ in LEAVES])
def test_each_setting_stands_in_the_table_with_its_default(key: str, default: Any) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{key}` |")]
    shown = row.split("|")[2].strip().strip("`")
    given = None if default is None else str(list(default) if default == () else default)
    assert yaml.safe_load(shown) == (yaml.safe_load(given) if given is not None else None)


@pytest.mark.parametrize("guard", sorted({g.__name__.replace("_", " ") for g in GUARDS}))
def test_each_guard_stands_in_its_table(guard: str) -> None:
    text = (ROOT / "docs" / "guards.md").read_text()
    assert re.search(rf"^\| `{guard}`( u)? \|", text, re.MULTILINE)


def test_the_table_of_guards_says_which_an_undo_is_asked() -> None:
    text = (ROOT / "docs" / "guards.md").read_text()
    marked = set(re.findall(r"^\| `([a-z ]+)` u \|", text, re.MULTILINE))
    assert marked == {guard.__name__.replace("_", " ") for guard in UNDO_GUARDS}
