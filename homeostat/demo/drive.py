"""The driver: it alone moves time, injects two faults in turn, and ends with a summary."""

import json
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from homeostat.demo.processes import (
    DemoError,
    Places,
    Processes,
    SocketClient,
    free_address,
)
from homeostat.demo.story import Story
from homeostat.demo.summary import FaultSummary, Summary, summarise_fault, wrong_targets
from homeostat.replay import replay

STEP_S: Final = 1
SPEED: Final = 4.0
"""Twin seconds a second of the wall, where people watch."""
WARM_UP_S: Final = 60
FAULTS: Final = ("overload", "bad_release")
FAULT_S_MAX: Final = 150
SETTLE_S: Final = 20
CLOCK_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How to run the demo."""

    seed: int
    is_fast: bool
    stays: bool
    out: Path


class Drive:
    """Time and faults of one running demo."""

    def __init__(self, processes: Processes, story: Story, *, start: int, is_fast: bool) -> None:
        places = processes.places
        self._processes = processes
        self._story = story
        self._url = f"http://{places.status}/status"
        self._pace_s = 0.0 if is_fast else STEP_S / SPEED
        self.twin = SocketClient(places.control_socket, timeout_s=CLOCK_TIMEOUT_S)
        self._clock = SocketClient(places.clock_socket, timeout_s=CLOCK_TIMEOUT_S)
        self.now_unix_ns = start
        self.status: dict[str, Any] = {}

    def step(self) -> None:
        """One twin second: the twin sends, is acknowledged, then the service's clock moves."""
        began = time.monotonic()
        self.now_unix_ns += STEP_S * 10**9
        self._processes.check()
        self.twin.ask(method="advance", to_unix_ns=self.now_unix_ns)
        self._clock.ask(method="advance", to_unix_ns=self.now_unix_ns)
        with urllib.request.urlopen(self._url, timeout=10) as answer:  # noqa: S310 - our own URL
            self.status = json.load(answer)
        if self.status["halted"]:
            raise DemoError(f"the service halted: {self.status['halted']}")
        self._story.follow(self.status)
        time.sleep(max(0.0, self._pace_s - (time.monotonic() - began)))

    def run_for(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(0, seconds, STEP_S):
            self.step()

    def play(self, kind: str) -> FaultSummary:
        """Inject one fault and stay until it is healed for good, or for too long."""
        fault = self.twin.ask(method="inject", fault=kind)["fault"]
        begin = fault["injected_unix_ns"]
        text = f"fault injected: {kind} at {fault['service']} (the service is not told)"
        self._story.tell(self.now_unix_ns, text, "bold")
        named: str | None = None
        while self.now_unix_ns - begin < FAULT_S_MAX * 10**9:
            self.step()
            named = named or named_cause(self.status, begin)
            if is_over(self.status, begin):
                break
        truth = self.twin.ask(method="truth")
        return summarise_fault(fault, self.status, named, truth)


def named_cause(status: dict[str, Any], begin: int) -> str | None:
    """The first cause of the issue that an action was taken on, as it stood then."""
    acted = {action["issue_id"] for action in status["actions"]}
    for issue in status["issues"]:
        if issue["opened_unix_ns"] >= begin and issue["id"] in acted and issue["causes"]:
            return str(issue["causes"][0]["service"]).rpartition("/")[2]
    return None


def is_over(status: dict[str, Any], begin: int) -> bool:
    """Whether all that opened since then is resolved, with a verdict."""
    issues = [issue for issue in status["issues"] if issue["opened_unix_ns"] >= begin]
    return bool(issues) and all(
        issue["state"] == "resolved" and issue["verdict"] is not None for issue in issues
    )


def run(options: DemoOptions) -> int:
    """Run the demo; 0 only if both faults were healed and nothing else was touched."""
    console = Console()
    story = Story(console, quiet=options.is_fast)
    with tempfile.TemporaryDirectory(prefix="homeostat-") as directory:
        places = Places(directory=Path(directory), otlp=free_address(), status=free_address())
        start = time.time_ns() // (60 * 10**9) * 60 * 10**9  # panes begin alike in every run
        try:
            with Processes(places, seed=options.seed, start_unix_ns=start) as processes:
                processes.wait_until_ready()
                return _play(processes, story, console, options, start=start)
        except DemoError as error:
            console.print(f"demo failed: {error}", markup=False)
            return 1


def _play(
    processes: Processes, story: Story, console: Console, options: DemoOptions, *, start: int
) -> int:
    places = processes.places
    if not options.is_fast:
        console.print(f"status http://{places.status}/status   docs http://{places.status}/docs")
        console.print(f"An online shop runs on a simulated cluster, {SPEED:.0f} times faster.")
    story.begin(start)
    drive = Drive(processes, story, start=start, is_fast=options.is_fast)
    with story.running():
        story.tell(start, f"learning what is normal for {WARM_UP_S} s")
        drive.run_for(WARM_UP_S)
        faults = []
        for kind in FAULTS:
            faults.append(drive.play(kind))
            drive.run_for(SETTLE_S)
    truth = drive.twin.ask(method="truth")
    summary = Summary(seed=options.seed, wrong_targets=wrong_targets(truth), faults=tuple(faults))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "demo.json").write_text(json.dumps(summary.as_json(), indent=2) + "\n")
    story.end(summary)
    replayed = replay(places.journal)
    came = "the same" if replayed.difference is None else f"otherwise: {replayed.difference}"
    console.print(f"{replayed.tick_count} ticks replayed from the journal came out {came}")
    if options.stays:
        console.print(f"staying at http://{places.status}/status; end with Ctrl-C")
        try:
            while True:
                drive.step()
        except KeyboardInterrupt:
            console.print("ended")
    return 0 if summary.is_good else 1
