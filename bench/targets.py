"""What is measured beside what: Homeostat as a user starts it, and Rotel's agent discarding all."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

CONFIG: Final = """\
state_dir: {directory}/state
knowledge:
  journal: {directory}/journal.db
receiver:
  grpc:
    listen: 127.0.0.1:{grpc}
  http:
    listen: 127.0.0.1:{http}
status:
  listen: 127.0.0.1:0
analysis:
  lateness_s: {lateness}
"""
LATENESS_S: Final = 1.0
SETTLE_S: Final = 7.0
"""After this long all that was sent has been in a window: a pane of 5 s, its lateness, its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A receiver of OTLP: how it is started on two free ports, with a directory of its own.

    `settle_s`: how long it goes on working on what it has acknowledged; that is charged too.
    """

    name: str
    version: Callable[[], str]
    command: Callable[[int, int, Path], Sequence[str]]
    settle_s: float


def _homeostat(grpc: int, http: int, directory: Path) -> Sequence[str]:
    config = directory / "homeostat.yaml"
    config.write_text(CONFIG.format(grpc=grpc, http=http, directory=directory, lateness=LATENESS_S))
    return [sys.executable, "-m", "homeostat", "run", "--config", str(config)]


def _rotel_agent() -> str:
    """Return the path of the agent that the package brings."""
    spec = find_spec("rotel")
    if spec is None or spec.origin is None:
        raise RuntimeError("Rotel is not installed: pip install rotel")
    return str(Path(spec.origin).with_name("rotel-agent"))


def _rotel_version() -> str:
    """Return the agent's own version; the package's number is another one."""
    if find_spec("rotel") is None:
        return "not installed"
    told = subprocess.run(
        [_rotel_agent(), "--version"], capture_output=True, text=True, check=True, timeout=30
    )
    return f"{version('rotel')} from PyPI, agent {told.stdout.split()[-1]}"


def _rotel(grpc: int, http: int, directory: Path) -> Sequence[str]:
    return [
        _rotel_agent(),
        "start",
        "--otlp-grpc-endpoint",
        f"127.0.0.1:{grpc}",
        "--otlp-http-endpoint",
        f"127.0.0.1:{http}",
        "--exporter",
        "blackhole",
        "--log-file",
        str(directory / "rotel.log"),
        "--pid-file",
        str(directory / "rotel.pid"),
    ]


TARGETS: Final = (
    Target(
        name="homeostat",
        version=lambda: version("homeostat"),
        command=_homeostat,
        settle_s=SETTLE_S,
    ),
    Target(name="rotel", version=_rotel_version, command=_rotel, settle_s=0.0),
)
