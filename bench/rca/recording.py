"""One recording on disk: its labels, and its export requests in the order of time.

A folder holds `traces.otlp.zst`, and maybe `logs.otlp.zst` and `metrics.otlp.zst`: zstd over the
framing of the Collector's `file` exporter with `format: proto`, a 4-byte big-endian length before
each export request.
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/fileexporter
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

from knowledge.schemas import SIGNALS, Signal

LENGTH_BYTES: Final = 4
NS: Final = 10**9


class RecordingError(Exception):
    """The folder is not a recording; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What was injected where; never shown to the service."""

    kind: str
    service: str
    start_unix_s: float
    end_unix_s: float
    is_target: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A folder with its labels."""

    path: Path
    system: str
    start_unix_s: float
    end_unix_s: float
    is_gapless: bool
    faults: tuple[Fault, ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the labels.

        Raises:
            RecordingError: they cannot be read, or say nothing of the system or the time.
        """
        try:
            labels: dict[str, Any] = json.loads((path / "labels.json").read_text())
            return cls(
                path=path,
                system=str(labels["system"]),
                start_unix_s=float(labels["start_unix_s"]),
                end_unix_s=float(labels["end_unix_s"]),
                is_gapless=bool(labels.get("gapless", False)),
                faults=tuple(
                    sorted(map(_fault, labels.get("faults", ())), key=lambda f: f.start_unix_s)
                ),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordingError(f"{path}: no usable labels.json: {error!r}") from error

    def requests(self, signal: Signal) -> Iterator[bytes]:
        """Yield the export requests of a signal; none where the recording has no such file."""
        path = self.path / f"{signal}.otlp.zst"
        if not path.exists():
            return
        with pa.input_stream(str(path), compression="zstd") as stream:
            while len(head := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
                size = int.from_bytes(head, "big")
                body = stream.read(size)
                if len(body) < size:
                    raise RecordingError(f"{path}: ends within a request")
                yield body


def _fault(label: dict[str, Any]) -> Fault:
    start = float(label["start_unix_s"])
    return Fault(
        kind=str(label.get("fault", "unknown")),
        service=str(label["service"]),
        start_unix_s=start,
        end_unix_s=start + float(label.get("duration_s", 180.0)),
        is_target=bool(label.get("target", False)),
    )


def recordings_in(directory: Path) -> list[Path]:
    """Return the folders below `directory` that hold a recording, in the order of their names."""
    if not directory.is_dir():
        return []
    folders = (path for path in sorted(directory.iterdir()) if path.is_dir())
    return [path for path in folders if any((path / f"{s}.otlp.zst").exists() for s in SIGNALS)]
