"""`homeostat diagnose`: ask a running brain for the cause of what began at a given time."""

import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

TIMEOUT_S = 120.0


class TimeError(ValueError):
    """A time or a period that cannot be read; the text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseOptions:
    """What to ask whom."""

    url: str
    onset: str
    leave_out: tuple[str, ...]
    is_json: bool


def read_time(text: str) -> float:
    """Return a time in seconds since 1970, from that number or from ISO 8601.

    Without a zone it is UTC.

    Raises:
        TimeError: it is neither.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TimeError(
            f"got {text!r}: expected seconds since 1970 or a time such as 2026-11-24T07:30:00Z"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_period(text: str) -> tuple[float, float]:
    """Return begin and end of `FROM..TO`.

    Raises:
        TimeError: there are not two times, or they are not in order.
    """
    begin, dots, end = text.partition("..")
    if not dots:
        raise TimeError(f"got {text!r}: expected FROM..TO")
    times = read_time(begin), read_time(end)
    if times[1] <= times[0]:
        raise TimeError(f"got {text!r}: expected an end after the begin")
    return times


def run(options: DiagnoseOptions) -> int:
    """Ask and show the answer; 1 if none came, 2 if the question cannot be put."""
    try:
        question = {
            "onset_unix_s": read_time(options.onset),
            "leave_out": [
                {"from_unix_s": begin, "to_unix_s": end}
                for begin, end in map(read_period, options.leave_out)
            ],
        }
    except TimeError as error:
        print(error, file=sys.stderr)
        return 2
    url = f"{options.url}/api/v1/diagnose"
    request = urllib.request.Request(  # noqa: S310 - the user's own URL
        url,
        data=json.dumps(question).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the user's own URL
            diagnosis = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError) as error:
        print(f"{url} does not answer: {error}; is the service running?", file=sys.stderr)
        return 1
    if options.is_json:
        print(json.dumps(diagnosis, indent=2))
    else:
        _show(diagnosis, Console())
    return 0


def _show(diagnosis: dict[str, Any], console: Console) -> None:
    console.print(diagnosis["sentence"], markup=False)
    console.print(
        f"from {diagnosis['request_count']} requests since the onset and "
        f"{diagnosis['usual_request_count']} before"
    )
    table = Table("service", "score", "what speaks for it")
    for cause in diagnosis["causes"]:
        if cause["score"] > 0:
            lines = (f"{t['witness']}: {t['evidence']}" for t in cause["testimonies"])
            name = "/".join(part for part in (cause["namespace"], cause["service"]) if part)
            table.add_row(name, f"{cause['score']:.2f}", "\n".join(lines))
    console.print(table)
