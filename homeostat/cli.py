"""The `homeostat` command.

Each command imports what it needs when it is run, so that the light ones answer at once.
"""

import argparse
import json
import logging
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from homeostat import order_commands, parent
from homeostat.version import VERSION

if TYPE_CHECKING:
    from homeostat.settings import Settings

EXIT_FAILED = 1
EXIT_SETTINGS = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="homeostat",
        description="Keeps a Kubernetes cluster in balance from its own OpenTelemetry data.",
    )
    parser.add_argument("--version", action="version", version=f"homeostat {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("run", _run, "the service: a brain and its receivers, supervised"),
        ("brain", _brain, "only the brain: analysis, healing, journal, /status"),
        ("receiver", _receiver, "only a receiver: OTLP in, rows to the brain"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, help="settings file (YAML)")
        command.add_argument("--parent", type=int, help=argparse.SUPPRESS)
        command.set_defaults(run=run)
    _add_readers(commands)
    order_commands.add(commands)
    _add_cluster(commands)
    _add_demo(commands)
    _add_simulate(commands)
    return parser


def _add_readers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("status", help="what is wrong and what is being done, as a table")
    command.add_argument("--url", default="http://127.0.0.1:8080", help="where a brain listens")
    command.add_argument("--json", action="store_true", help="as it comes")
    command.set_defaults(run=_status)
    text = "who is the cause of what began at a given time?"
    command = commands.add_parser("diagnose", help=text, description=text)
    command.add_argument("--onset", required=True, help="seconds since 1970, or ISO 8601")
    command.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="FROM..TO",
        help="a time that says nothing about what is usual; may be given several times",
    )
    command.add_argument("--url", default="http://127.0.0.1:8080", help="where a brain listens")
    command.add_argument("--json", action="store_true", help="as it comes")
    command.set_defaults(run=_diagnose)
    text = "do the user's rules find what they should?"
    command = commands.add_parser("test", help=text, description=text)
    command.add_argument("what", choices=["rules"])
    command.add_argument("file", type=Path, help="cases and what is expected (YAML)")
    command.set_defaults(run=_test_rules)
    command = commands.add_parser("replay", help="do a journal's inputs give its outputs again?")
    command.add_argument("journal", type=Path)
    command.set_defaults(run=_replay)


def _add_cluster(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, text in (
        ("rbac", "print the least rights in Kubernetes that the settings need"),
        ("admission", "print the policy by which the API server keeps us within our bounds"),
        ("doctor", "per workload of the cluster: what could be done, what not, and why"),
        ("unwind", "take back all that is in force in the cluster"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, help="settings file (YAML)")
        command.set_defaults(run=_cluster, command=name)
        if name == "unwind":
            command.add_argument(
                "--expired",
                action="store_true",
                help="only boosts whose time is over, such as from a CronJob",
            )


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("demo", help="the whole loop against a simulated cluster")
    command.add_argument("--seed", type=int, default=1, help="of the simulation")
    command.add_argument("--fast", action="store_true", help="no story, as fast as it goes")
    command.add_argument("--stay", action="store_true", help="stay up when the story is over")
    command.add_argument("--out", type=Path, default=Path("out"), help="where demo.json goes")
    command.set_defaults(run=_demo)
    command = commands.add_parser("twin", help="the simulated shop and cluster of the demo, alone")
    command.add_argument("--otlp", required=True, help="host:port that telemetry is sent to")
    place = command.add_mutually_exclusive_group(required=True)
    place.add_argument("--cluster-socket", type=Path, help="where it serves a cluster of its own")
    place.add_argument(
        "--mirror", action="store_true", help="follow the pods of another cluster instead"
    )
    command.add_argument("--control-socket", type=Path, required=True)
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--start-unix-ns", type=int, required=True)
    command.set_defaults(run=_twin)


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "what would autoscalers do with this traffic? played on the twin, in seconds"
    command = commands.add_parser("simulate", help=text, description=text)
    command.add_argument("scenario", type=Path, help="YAML; docs/simulate.md says what it may say")
    command.add_argument("--json", type=Path, help="where all figures go as JSON; - is the output")
    command.add_argument("--engine", choices=["fluid", "event"], help="in place of the scenario's")
    command.set_defaults(run=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    from homeostat.simulate import command

    return command.run(options.scenario, json_path=options.json, engine=options.engine)


def _demo(options: argparse.Namespace) -> int:
    from homeostat.demo import drive as demo

    chosen = demo.DemoOptions(
        seed=options.seed, is_fast=options.fast, stays=options.stay, out=options.out
    )
    return demo.run(chosen)


def _twin(options: argparse.Namespace) -> int:
    import twin.main
    from twin.main import TwinSettings

    settings = TwinSettings(
        otlp_endpoint=options.otlp,
        cluster_socket=options.cluster_socket,
        control_socket=options.control_socket,
        seed=options.seed,
        start_unix_ns=options.start_unix_ns,
    )
    return twin.main.run(settings)


def _settings(options: argparse.Namespace) -> "Settings | None":
    from homeostat.settings import SettingsError, load

    try:
        return load(options.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return None


def _cluster(options: argparse.Namespace) -> int:
    from homeostat import cluster_commands

    settings = _settings(options)
    if settings is None:
        return EXIT_SETTINGS
    if options.command == "rbac":
        return cluster_commands.print_rbac(settings)
    if options.command == "admission":
        return cluster_commands.print_admission(settings)
    if settings.cluster.kind != "kubernetes":
        found = settings.cluster.kind
        print(f"cluster.kind: got {found!r}: expected kubernetes", file=sys.stderr)
        return EXIT_SETTINGS
    if options.command == "doctor":
        return cluster_commands.examine_cluster(settings)
    return cluster_commands.unwind_cluster(settings, only_expired=options.expired)


def _run(options: argparse.Namespace) -> int:
    from homeostat import supervisor

    settings = _settings(options)
    if settings is None:
        return EXIT_SETTINGS
    if options.parent:
        parent.end_with(options.parent)
    return supervisor.run(settings, options.config)


def _brain(options: argparse.Namespace) -> int:
    from homeostat.allocator import keep_freed_pages

    keep_freed_pages()
    from homeostat import brain_process

    settings = _settings(options)
    if settings is None:
        return EXIT_SETTINGS
    if options.parent:
        parent.end_with(options.parent)
    return brain_process.run(settings)


def _receiver(options: argparse.Namespace) -> int:
    import receiver.main

    settings = _settings(options)
    if settings is None:
        return EXIT_SETTINGS
    if options.parent:
        parent.end_with(options.parent)
    return receiver.main.run(settings.for_receiver())


def _status(options: argparse.Namespace) -> int:
    url = f"{options.url}/status"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the user's own URL
            status = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError) as error:
        print(f"{url} does not answer: {error}; is the service running?", file=sys.stderr)
        return EXIT_FAILED
    if options.json:
        print(json.dumps(status, indent=2))
    else:
        from rich.console import Console

        from homeostat.status_table import show

        show(status, Console())
    return 0


def _diagnose(options: argparse.Namespace) -> int:
    from homeostat import diagnose

    chosen = diagnose.DiagnoseOptions(
        url=options.url,
        onset=options.onset,
        leave_out=tuple(options.leave_out),
        is_json=options.json,
    )
    return diagnose.run(chosen)


def _test_rules(options: argparse.Namespace) -> int:
    from homeostat import rule_tests

    return rule_tests.run(options.file)


def _replay(options: argparse.Namespace) -> int:
    from homeostat.replay import replay
    from knowledge.journal import JournalError

    try:
        result = replay(options.journal)
    except JournalError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    found = result.difference
    print(f"{result.tick_count} ticks of {result.epoch_count} epochs replayed")
    for epoch in result.skipped_epochs:
        print(f"epoch {epoch} skipped: its first ticks are no longer kept")
    if found is None:
        print("no difference")
        return 0
    print(
        f"first difference: tick {found.seq} of epoch {found.epoch} at {found.now_unix_ns}, "
        f"{found.field}:\n  journaled: {found.journaled}\n  replayed:  {found.replayed}"
    )
    return EXIT_FAILED
