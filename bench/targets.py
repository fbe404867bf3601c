"""What is measured beside what: Homeostat as a user starts it, collectors that discard or count."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.parts.cache import is_built, place
from tests.parts.recipes import OTELCOL

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
OTELCOL_CONFIG: Final = """\
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}", max_recv_msg_size_mib: 64}}
      http: {{endpoint: "127.0.0.1:{http}"}}
exporters:
  nop:
connectors:
  span_metrics:
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
"""
"""gRPC's usual 4 MiB would refuse 8,192 spans a request."""

OTELCOL_DISCARDS: Final = """\
    traces: {{receivers: [otlp], exporters: [nop]}}
    metrics: {{receivers: [otlp], exporters: [nop]}}
    logs: {{receivers: [otlp], exporters: [nop]}}
"""
OTELCOL_SPAN_METRICS: Final = """\
    traces: {{receivers: [otlp], exporters: [span_metrics]}}
    metrics: {{receivers: [span_metrics], exporters: [nop]}}
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


def _otelcol_binary() -> str:
    """Return the path of the Collector that `make parts` builds."""
    if not is_built(OTELCOL):
        raise RuntimeError("the Collector is not built: make parts")
    return str(place(OTELCOL) / "otelcol")


def _otelcol_version() -> str:
    return OTELCOL.version if is_built(OTELCOL) else "not built"


def _otelcol(config: str, grpc: int, http: int, directory: Path) -> Sequence[str]:
    path = directory / "otelcol.yaml"
    path.write_text(config.format(grpc=grpc, http=http))
    return [_otelcol_binary(), "--config", str(path)]


TARGETS: Final = (
    Target(
        name="homeostat",
        version=lambda: version("homeostat"),
        command=_homeostat,
        settle_s=SETTLE_S,
    ),
    Target(name="rotel", version=_rotel_version, command=_rotel, settle_s=0.0),
    Target(
        name="otelcol",
        version=_otelcol_version,
        command=partial(_otelcol, OTELCOL_CONFIG + OTELCOL_DISCARDS),
        settle_s=0.0,
    ),
    Target(
        name="otelcol-span-metrics",
        version=_otelcol_version,
        command=partial(_otelcol, OTELCOL_CONFIG + OTELCOL_SPAN_METRICS),
        settle_s=0.0,
    ),
)
