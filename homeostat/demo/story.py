"""The demo as a story: events line by line, with the present figures below where it is live."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from homeostat.demo.summary import Summary


class Story:
    """Tells what happens; says nothing at all when it is `quiet`."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._live = None if quiet or not console.is_terminal else Live(console=console)
        self._seen: set[tuple[str, ...]] = set()
        self._start_unix_ns = 0

    def running(self) -> AbstractContextManager[object]:
        """The time in which the live figures are on the screen."""
        return self._live or nullcontext()

    def begin(self, start_unix_ns: int) -> None:
        """Take the origin of the story's time."""
        self._start_unix_ns = start_unix_ns

    def tell(self, now_unix_ns: int, text: str, style: str = "") -> None:
        """Tell one event."""
        if not self._quiet:
            at = (now_unix_ns - self._start_unix_ns) / 1e9
            self._console.print(Text(f"{at:6.0f} s  ").append(text, style))

    def follow(self, status: dict[str, Any]) -> None:
        """Tell whatever is new in /status, each thing once."""
        if self._quiet:
            return
        now = status["now_unix_ns"]
        for issue in status["issues"]:
            self._follow_issue(now, issue)
        for action in status["actions"]:
            what = f"{'undo: ' if action['is_undo'] else ''}{action['kind']} {action['target']}"
            if self._is_new("action", action["id"], action["status"]):
                text = f"action {what}: {action['status']} {action['reason']}"
                self.tell(now, text.rstrip(), "bold cyan")
        if self._live is not None:
            self._live.update(_figures(status))

    def _follow_issue(self, now: int, issue: dict[str, Any]) -> None:
        key = issue["id"]
        if self._is_new("state", key, issue["state"]):
            style = "green" if issue["state"] == "resolved" else "red"
            self.tell(now, f"issue {issue['state']}: {issue['kind']} on {issue['service']}", style)
            if issue["state"] != "resolved":
                for line in issue["evidence"]:
                    self.tell(now, f"  {line}")
        if issue["causes"] and issue["state"] == "firing":
            cause = issue["causes"][0]
            if self._is_new("cause", key, cause["service"], issue["finding"]):
                text = (
                    f"{issue['finding']}: {cause['service']} ({cause['kind']}), "
                    f"explains {cause['explains_ratio']:.0%}"
                )
                self.tell(now, text, "yellow")
        if issue["plan"] and self._is_new("plan", key, str(issue["plan"]["actions"])):
            self._tell_plan(now, issue["plan"])
        for refusal in issue["refusals"]:
            if self._is_new("refusal", key, refusal):
                self.tell(now, f"refused by {refusal}", "magenta")
        if issue["verdict"] and self._is_new("verdict", key, issue["verdict"]["outcome"]):
            verdict = issue["verdict"]
            text = f"verdict {verdict['outcome']}: {'; '.join(verdict['evidence'])}"
            self.tell(now, text, "bold green" if verdict["outcome"] == "recovered" else "bold red")

    def _tell_plan(self, now: int, plan: dict[str, Any]) -> None:
        for action in plan["actions"]:
            self.tell(now, f"plan: {action['detail']}", "cyan")
        for fact in plan["facts"]:
            self.tell(now, f"  because {fact}")
        self.tell(now, f"  expected: {plan['expected']}; way back: {plan['rollback']}")
        if plan["guards"]:
            self.tell(now, f"  {len(plan['guards'])} guards passed: {', '.join(plan['guards'])}")

    def _is_new(self, *what: str) -> bool:
        if what in self._seen:
            return False
        self._seen.add(what)
        return True

    def end(self, summary: Summary) -> None:
        """Show what came of it all."""
        table = Table(
            "fault", "service", "named cause", "symptom", "action", "at", "verified", "healed"
        )
        for fault in summary.faults:
            table.add_row(
                fault.kind,
                fault.service,
                fault.named_cause or "none",
                _seconds(fault.symptom_s),
                fault.action or "none",
                _seconds(fault.action_s),
                _seconds(fault.verified_s),
                "yes" if fault.healed else "NO",
            )
        self._console.print(table)
        style = "bold green" if summary.is_good else "bold red"
        text = f"seed {summary.seed}: {summary.wrong_targets} wrong targets touched"
        self._console.print(Text(text, style))


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"


def _figures(status: dict[str, Any]) -> Table:
    table = Table("service", "p99 ms", "errors", "requests")
    for row in status["services"]:
        is_sick = row["p99_ms"] > 1000 or row["error_ratio"] > 0.05  # noqa: PLR2004 - the defaults
        table.add_row(
            row["service"],
            f"{row['p99_ms']:,.0f}",
            f"{row['error_ratio']:.1%}",
            f"{row['span_count']:,}",
            style="red" if is_sick else "",
        )
    return table
