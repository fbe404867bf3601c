"""The OpenTelemetry Collector in front of a receiver, with the file that we ship."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.parts import cache
from tests.parts.process import Process, free_port, listens
from tests.parts.recipes import OTELCOL

BASE: Final = Path(__file__).parents[2] / "otelcol-config.yaml"
QUIET: Final = "yaml:service::telemetry::metrics::level: none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One running Collector, which takes OTLP over gRPC on `port`."""

    process: Process
    port: int

    @classmethod
    def start(
        cls, target: str, folder: Path, configs: Sequence[str | Path] = (BASE,)
    ) -> "Collector":
        """Start one that exports to `target` (host:port)."""
        port, http_port = free_port(), free_port()
        flags = [word for config in (*configs, QUIET) for word in ("--config", config)]
        process = Process(
            [cache.need(OTELCOL) / "otelcol", *flags],
            log=folder / f"otelcol-{port}.log",
            environ={
                "HOMEOSTAT_OTLP": target,
                "OTLP_GRPC": f"127.0.0.1:{port}",
                "OTLP_HTTP": f"127.0.0.1:{http_port}",
            },
        )
        process.wait_until(lambda: listens(port))
        return cls(process=process, port=port)
