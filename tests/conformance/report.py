"""Scores as people read them."""

from collections.abc import Mapping, Sequence

from tests.conformance.check import Failure

Scores = Mapping[str, tuple[int, Sequence[Failure]]]

_HEAD = """\
# Conformance to OTLP 1.11

Written by `make conformance`, which puts one suite (`tests/conformance/`) to each receiver over
gRPC and HTTP. `make conformance ENDPOINT=host:port` scores any receiver that runs. The requirements
are in our words; the section named after each is of
[the specification](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/docs/specification.md).
All run with their defaults, but for the limit of the Collector's gRPC messages, which is raised
to 64 MiB as its users with large batches have to.
"""


def summary(scores: Scores) -> str:
    """Return one line a receiver, and one below for each check that failed."""
    lines = []
    for name, (total, failures) in scores.items():
        lines.append(f"{name}: {total - len(failures)} of {total} passed")
        for failure in failures:
            check = failure.check
            lines.append(f"  {check.name}: {check.requirement}; {failure.seen}")
    return "\n".join(lines) + "\n"


def document(scores: Scores, versions: Mapping[str, str]) -> str:
    """Return the whole page of the documentation."""
    parts = [_HEAD, "| receiver | version | passed | of |\n|---|---|---|---|"]
    for name, (total, failures) in scores.items():
        parts[-1] += f"\n| {name} | {versions.get(name, '')} | {total - len(failures)} | {total} |"
    for name, (_, failures) in scores.items():
        if failures:
            parts.append(
                f"## What {name} does not do\n\n| check | asked for | seen |\n|---|---|---|"
            )
            parts[-1] += "".join(map(_row, failures))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _row(failure: Failure) -> str:
    cells = (failure.check.name, failure.check.requirement, failure.seen[:160])
    return "\n| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
