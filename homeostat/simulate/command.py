"""`homeostat simulate SCENARIO`: play it, print what happened, and write it as JSON."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal

from rich.console import Console
from rich.table import Table

from homeostat.simulate.parts import clock
from homeostat.simulate.play import Outcome, Report, play
from homeostat.simulate.scenario import ScenarioError, load_scenario
from twin.scaling.workload import TraceError

EXIT_SCENARIO: Final = 2
EPISODES_TOLD: Final = 12


def run(path: Path, *, json_path: Path | None, engine: Literal["fluid", "event"] | None) -> int:
    """Play one scenario; 2 if it cannot be used. `json_path` -: JSON instead of tables."""
    try:
        if json_path and json_path != Path("-"):
            json_path.parent.mkdir(parents=True, exist_ok=True)
            json_path.open("a").close()  # before minutes are spent on what cannot be kept
        scenario = load_scenario(path)
        chosen = {"engine": engine or scenario.engine, "name": scenario.name or path.stem}
        report = play(scenario.model_copy(update=chosen), path.parent)
    except ScenarioError as error:
        for line in str(error).splitlines():
            print(f"{path}: {line}", file=sys.stderr)
        return EXIT_SCENARIO
    except TraceError as error:
        print(error, file=sys.stderr)
        return EXIT_SCENARIO
    except OSError as error:
        print(f"--json {json_path}: {error.strerror}", file=sys.stderr)
        return EXIT_SCENARIO
    text = json.dumps(asdict(report), indent=1)
    if json_path == Path("-"):
        print(text)
        return 0
    show(report, Console())
    if json_path:
        json_path.write_text(text + "\n")
    return 0


def show(report: Report, console: Console) -> None:
    """Print the figures of all policies side by side, then the course of each."""
    console.print(
        f"{report.name}: {clock(report.duration_s)} of traffic, "
        f"{report.outcomes[0].requests:,} requests, by the {report.engine} engine "
        f"in {report.cpu_s:.1f} CPU s"
    )
    console.print(_figures(report))
    for fault in report.faults:
        said = {k: v for k, v in asdict(fault).items() if k not in {"kind", "at_s"}}
        told = ", ".join(f"{key} {value:g}" for key, value in said.items())
        console.print(f"{clock(fault.at_s)}  {fault.kind.replace('_', ' ')}: {told}")
    for outcome in report.outcomes:
        _show_course(outcome, console)


def _figures(report: Report) -> Table:
    table = Table("policy", box=None, header_style="bold")
    for column in (
        "violation s",
        "replica-hours",
        "reversals",
        "late %",
        "given up %",
        "most replicas",
        "steps down unseen",
    ):
        table.add_column(column, justify="right")
    for outcome in report.outcomes:
        score, requests = outcome.score, max(outcome.requests, 1)
        table.add_row(
            outcome.policy,
            f"{score.slo_violation_s:,}",
            f"{score.replica_hours:,.1f}",
            f"{score.reversals:,}",
            f"{100 * outcome.slow / requests:.2f}",
            f"{100 * outcome.refused / requests:.2f}",
            f"{outcome.replicas_max}",
            f"{outcome.scale_downs_in_gaps}",
        )
    return table


def _show_course(outcome: Outcome, console: Console) -> None:
    table = Table(outcome.policy, box=None, header_style="bold")
    for column in ("requests/s", "most", "replicas", "violation s", "given up"):
        table.add_column(column, justify="right")
    for slot in outcome.slots:
        span = {slot.replicas_min, slot.replicas_max}
        table.add_row(
            clock(slot.from_s),
            f"{slot.rate_mean:.0f}",
            f"{slot.rate_max:.0f}",
            "-".join(map(str, sorted(span))),
            f"{slot.violation_s}" if slot.violation_s else "",
            f"{slot.refused}" if slot.refused else "",
        )
    console.print()
    console.print(table)
    for episode in outcome.episodes[:EPISODES_TOLD]:
        console.print(
            f"{clock(episode.from_s)} to {clock(episode.to_s)}: the promise did not hold for "
            f"{episode.violation_s} s, begun with {episode.replicas} replicas"
        )
    left = len(outcome.episodes) - EPISODES_TOLD
    if left > 0:
        console.print(f"and {left} more such times: --json has them all")
