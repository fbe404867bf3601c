"""Build parts into the cache, once: `python -m tests.parts.build [NAME...]` (all by default)."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.parts import cache
from tests.parts.recipes import PARTS, Part


def main(names: list[str]) -> int:
    """Build what is not built yet, one after the other; return the exit code."""
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        _say(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    for name in names or PARTS:
        with _alone(PARTS[name]):
            if not cache.is_built(PARTS[name]) and not _build(PARTS[name]):
                return 1
    return 0


@contextlib.contextmanager
def _alone(part: Part) -> Iterator[None]:
    """One build of a part at a time, whoever else runs one."""
    folder = cache.place(part)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(part: Part) -> bool:
    title = f"part {part.name} {part.version}"
    if shutil.which(part.tool) is None:
        is_ci = os.environ.get("CI") == "true"
        _say(f"{title} needs {part.tool} (https://go.dev/dl, https://nodejs.org), not on PATH")
        return not is_ci  # the tests that need it are skipped, and say so; in CI that is a failure
    with tempfile.TemporaryDirectory(prefix=f"{part.name}-", dir=cache.root()) as directory:
        work = Path(directory) / "source"
        shutil.copytree(part.folder, work)
        for command in part.prepare:
            _run(command, work)
        for binary, package in part.binaries.items():
            began = time.monotonic()
            fresh = Path(directory) / binary
            _run(
                ("go", "build", "-trimpath", "-ldflags", part.ldflags, "-o", str(fresh), package),
                work,
            )
            fresh.replace(cache.place(part) / binary)
            _say(f"{title}: {binary} built in {time.monotonic() - began:.0f} s")
        if part.tool == "npm":
            _install(work, cache.place(part))
    cache.stamp(part).write_text(cache.digest(part))
    return True


def _install(work: Path, place: Path) -> None:
    """Put packages with the script that needs them into the cache; none of them runs a script."""
    _run(("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"), work)
    for old in place.iterdir():
        if old.name != "lock":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(work, place, dirs_exist_ok=True, symlinks=True)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _run(command: tuple[str, ...], work: Path) -> None:
    # GOWORK: a go.work further up is not ours
    environ = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    subprocess.run(command, cwd=work, env=environ, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
