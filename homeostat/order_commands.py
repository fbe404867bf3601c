"""Orders to a running service: `homeostat approve`, `pause` and `resume`."""

import argparse
import getpass
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from homeostat.tokens import TokenError, read_token

EXIT_FAILED: Final = 1
EXIT_SETTINGS: Final = 2
NOT_KEPT: Final = 503
"""The order holds, and a crash would forget it."""
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser of the command line."""
    approve = _order(commands, "approve", _approve, "let a plan be done that /status shows")
    approve.add_argument("digest", help="as /status shows it with the plan")
    text = "let nothing be written to a workload, to a namespace, or at all"
    pause = _order(commands, "pause", _pause, text)
    pause.add_argument("--namespace", default="", help="default: all")
    pause.add_argument("--workload", default="", help="default: all")
    pause.add_argument("--for", dest="for_text", metavar="TIME", help="such as 30m or 1h")
    pause.add_argument("--reason", required=True)
    text = "end a pause, or let an issue be treated again that was handed to a person"
    _order(commands, "resume", _resume, text).add_argument("id", help="as /status shows it")


def _order(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("--url", default="http://127.0.0.1:8080", help="where a brain listens")
    command.add_argument(
        "--token-file",
        type=Path,
        default=Path("homeostat-state/token"),
        help="status.token_file of the service (default: %(default)s)",
    )
    command.add_argument("--by", help="who you are (default: the user's name)")
    command.set_defaults(run=run)
    return command


def _approve(options: argparse.Namespace) -> int:
    return _give(options, "approvals", {"digest": options.digest}, "approved")


def _resume(options: argparse.Namespace) -> int:
    return _give(options, "resumes", {"id": options.id}, "resumed")


def _pause(options: argparse.Namespace) -> int:
    try:
        for_s = seconds(options.for_text) if options.for_text else None
    except ValueError as error:
        sys.stderr.write(f"--for: {error}\n")
        return EXIT_SETTINGS
    body = {
        "namespace": options.namespace,
        "workload": options.workload,
        "for_s": for_s,
        "reason": options.reason,
    }
    return _give(options, "pauses", body, "paused")


def seconds(text: str) -> float:
    """Read a duration such as 90s, 30m, 1h or 2d.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise ValueError(f"expected a duration such as 30m or 1h, got {text!r}")
    return float(found[1]) * _UNIT_S[found[2]]


def _give(options: argparse.Namespace, path: str, body: dict[str, Any], told: str) -> int:
    """Hand an order in; say what became of it, return the exit code."""
    try:
        token = read_token(options.token_file)
    except TokenError as error:
        sys.stderr.write(f"{error}; name the service's file with --token-file\n")
        return EXIT_SETTINGS
    request = urllib.request.Request(  # noqa: S310 - the user's own URL
        f"{options.url}/api/v1/{path}",
        data=json.dumps({**body, "by": options.by or getpass.getuser()}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            taken = json.load(answer)
    except urllib.error.HTTPError as error:
        word = "not kept" if error.code == NOT_KEPT else "refused"
        sys.stderr.write(f"{word}: {_detail(error)}\n")
        return EXIT_FAILED
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f"{options.url} does not answer: {error}; "
            "to stop all writes without it, make the file that healing.stop_file names\n"
        )
        return EXIT_FAILED
    sys.stdout.write(f"{told}: {taken['id']}\n")
    return 0


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        detail = json.load(error)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in detail)
    return str(detail)
