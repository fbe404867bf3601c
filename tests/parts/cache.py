"""Where built parts are kept, outside the tree: `$XDG_CACHE_HOME/homeostat/parts/NAME-VERSION/`."""

import hashlib
import os
from pathlib import Path

import pytest

from tests.parts.recipes import Part


def root() -> Path:
    """The folder of all parts."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "homeostat" / "parts"


def place(part: Part) -> Path:
    """The folder of one part's binaries."""
    return root() / f"{part.name}-{part.version}"


def digest(part: Part) -> str:
    """What the build depends on: another recipe is another build."""
    files = sorted(path for path in part.folder.rglob("*") if path.is_file())
    told = hashlib.sha256(repr((part.binaries, part.ldflags, part.prepare)).encode())
    for path in files:
        told.update(str(path.relative_to(part.folder)).encode() + path.read_bytes())
    return told.hexdigest()


def stamp(part: Part) -> Path:
    """The file that says which recipe the binaries were built from; written last."""
    return place(part) / "recipe.sha256"


def is_built(part: Part) -> bool:
    """Whether the binaries of this very recipe are there."""
    return stamp(part).is_file() and stamp(part).read_text() == digest(part)


def need(part: Part) -> Path:
    """Return the folder of a built part; without one the test is skipped, and in CI it fails."""
    if not is_built(part):
        reason = f"part {part.name} {part.version} is not built: run `make parts` (needs Go)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return place(part)
