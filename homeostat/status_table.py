"""`homeostat status`: what /status says, as tables."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text


def render(status: dict[str, Any]) -> RenderableType:
    """Return the tables for the JSON of /status."""
    parts: list[RenderableType] = [_headline(status)]
    parts += [Text(f"note: {note}", style="yellow") for note in status["notes"]]
    if status["stopped"]:
        parts.append(Text(f"STOPPED: {status['stopped']}", style="bold red"))
    parts += [_pause(pause) for pause in status["pauses"]]
    parts += [_escalation(item) for item in status["escalated"]]
    parts += [_services(status), *_metered(status), *(_issue(issue) for issue in status["issues"])]
    if not status["issues"]:
        parts.append(Text("no issues", style="green"))
    if status["actions"]:
        parts.append(_actions(status))
    return Group(*parts)


def show(status: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    console.print(render(status))


def _headline(status: dict[str, Any]) -> Text:
    text = Text(f"homeostat {status['version']}  mode {status['mode']}")
    if status["halted"]:
        text.append(f"  HALTED: {status['halted']}", style="bold red")
    for signal, item in status["freshness"].items():
        age = "none yet" if item["age_s"] is None else f"{item['age_s']:.0f} s old"
        text.append(f"  {signal}: {item['rows']:,} rows, {age}")
    return text


def _pause(pause: dict[str, Any]) -> Text:
    what = "/".join(part or "*" for part in (pause["namespace"], pause["workload"]))
    return Text(f"paused {what} by {pause['by']}: {pause['reason']} ({pause['id']})", "yellow")


def _escalation(item: dict[str, Any]) -> Text:
    text = f"FOR A PERSON: {item['issue_id']}: {item['reason']}; look at {item['look_at']}"
    return Text(text, style="bold magenta")


def _services(status: dict[str, Any]) -> Table:
    table = Table("service", "p50 ms", "p95 ms", "p99 ms", "errors", "requests", "window s")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in status["services"]:
        name = f"{row['namespace']}/{row['service']}" if row["namespace"] else row["service"]
        table.add_row(
            name,
            f"{row['p50_ms']:,.1f}",
            f"{row['p95_ms']:,.1f}",
            f"{row['p99_ms']:,.1f}",
            f"{row['error_ratio']:.2%}",
            f"{row['span_count']:,}",
            f"{row['window_s']:.0f}",
        )
    return table


def _metered(status: dict[str, Any]) -> list[Table]:
    """Services without spans: their p99 lies between two values."""
    columns = ("by its metrics", "p99 from ms", "to ms", "errors", "requests", "in s")
    table = Table(*columns)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in status["metered"]:
        name = f"{row['namespace']}/{row['service']}" if row["namespace"] else row["service"]
        table.add_row(
            name,
            f"{row['p99_low_ms']:,.1f}",
            "?" if row["p99_high_ms"] is None else f"{row['p99_high_ms']:,.1f}",
            f"{row['error_ratio']:.2%}",
            f"{row['request_count']:,}",
            f"{row['covered_s']:.0f}",
        )
    return [table] if status["metered"] else []


def _issue(issue: dict[str, Any]) -> RenderableType:
    style = "green" if issue["state"] == "resolved" else "red"
    lines = [
        Text(f"{issue['state']} {issue['kind']} ({issue['severity']}) on {issue['service']}", style)
    ]
    lines += [Text(f"  {line}") for line in issue["evidence"]]
    for cause in issue["causes"]:
        lines.append(
            Text(
                f"  {issue['finding']}: {cause['service']} is {cause['kind']}, explains "
                f"{cause['explains_ratio']:.0%}, confidence {cause['confidence']:.0%}"
            )
        )
    lines += [Text(f"  changed: {line}") for line in issue["changes"]]
    if len(issue["affected"]) > 1:
        lines.append(Text(f"  also sick of it: {', '.join(issue['affected'][1:])}"))
    if issue["reason"]:
        lines.append(Text(f"  {issue['reason']}"))
    if plan := issue["plan"]:
        lines += [Text(f"  plan: {action['detail']}") for action in plan["actions"]]
        lines.append(Text(f"  expected: {plan['expected']}"))
        lines.append(Text(f"  way back: {plan['rollback']}"))
        lines += [Text(f"  diff: {line}  ({plan['digest']})") for line in plan["diff"]]
    lines += [Text(f"  refused by {line}", "yellow") for line in issue["refusals"]]
    if verdict := issue["verdict"]:
        lines.append(Text(f"  verdict: {verdict['outcome']}: {'; '.join(verdict['evidence'])}"))
    return Group(*lines)


def _actions(status: dict[str, Any]) -> Table:
    table = Table("action", "target", "status", "verdict", "reason")
    for row in status["actions"]:
        kind = f"undo: {row['kind']}" if row["is_undo"] else row["kind"]
        table.add_row(kind, row["target"], row["status"], row["verdict"] or "", row["reason"])
    return table
