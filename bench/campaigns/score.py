"""Was it right to act, and was it within bounds: judged by the twin's truth, not by what we say."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from bench.campaigns.run import Played, Write
from bench.campaigns.scenario import Scenario, Trouble
from healing.settings import HealingSettings

RIGHT: Final = {
    "overload": "scale",
    "bad_release": "roll_back_release",
    "crash_loop": "restart",
    "dead_service": "restart",
    "memory_leak": "restart",
}
"""What a person would do about each fault."""

LATENESS_S: Final = 10.0
VISIBLE_S: Final = 90.0
"""So long must a fault be seen before it can be asked that something was done."""
WORKLOADS: Final = {"town": 7, "swarm": 52, "swarm without its gateway": 52}
PATHS: Final = {
    "search": {"gateway", "search"},
    "catalog": {"gateway", "catalog"},
    "orders": {"gateway", "orders"},
    "stock": {"gateway", "search", "catalog", "stock"},
}
"""Who must speak for a sickness of each service to be seen on its way to the users."""
FAINT_SHARE: Final = 0.2


def wrong_actions(played: Played) -> list[Write]:
    """Return the actions that no fault asks for: another target, another cure, or no fault."""
    wanted = {(RIGHT.get(fault.kind), fault.service) for fault in played.faults}
    return [write for write in played.actions if (write.kind, write.workload) not in wanted]


def is_healed(played: Played) -> bool:
    """Whether each fault was acted upon rightly."""
    done = {(write.kind, write.workload) for write in played.actions}
    return all((RIGHT[fault.kind], fault.service) in done for fault in played.faults)


def is_visible(scenario: Scenario) -> bool:
    """Whether the telemetry that is left shows the sick service up to its users long enough."""
    for happening in (one for one in scenario.happenings if one.is_fault):
        dark = [t for t in scenario.troubles if _hides(t, happening.service)]
        seen_s = scenario.length_s - happening.at_s
        seen_s -= sum(
            max(0.0, min(t.end_s, scenario.length_s) - max(t.begin_s, happening.at_s)) for t in dark
        )
        if seen_s < VISIBLE_S:
            return False
    return True


def _hides(trouble: Trouble, service: str) -> bool:
    if trouble.services and not trouble.services & PATHS[service]:
        return False
    match trouble.kind:
        case "silent" | "restarted":
            return True
        case "delayed":
            return trouble.amount > LATENESS_S
        case "skewed":
            return abs(trouble.amount) > LATENESS_S
        case "sampled":
            return trouble.amount < FAINT_SHARE
        case "doubled":
            return False


def overruns(played: Played, settings: HealingSettings) -> list[str]:
    """Return which stop figures were overrun, counted anew from the twin's record of writes."""
    actions = played.actions
    found = []
    for index, write in enumerate(actions):
        before = actions[:index]
        same = [w for w in before if w.workload == write.workload]
        if any(write.at_s - w.at_s < settings.target_cooldown_s for w in same):
            found.append(f"{write.workload} twice within its cool-down")
        near = [w for w in before if write.at_s - w.at_s < settings.namespace_window_s]
        if len(near) >= settings.namespace_count_max:
            found.append("namespace")
        touched = {w.workload for w in before if write.at_s - w.at_s < 3600} | {write.workload}
        share = int(settings.blast_ratio_max * WORKLOADS[played.scenario.place])
        if len(touched) > max(settings.blast_count_min, share):
            found.append("blast radius")
        if write.factor > settings.scale_factor_max:
            found.append(f"{write.workload} scaled by {write.factor:.1f}")
    return found


def strangers(played: Played, allowed: frozenset[str]) -> list[str]:
    """Return the workloads that were touched and may not be."""
    return [write.workload for write in played.writes if write.workload not in allowed]


def summary(stories: Iterable[Played], *, allowed: frozenset[str]) -> dict[str, Any]:
    """Return the figures of one campaign."""
    stories = list(stories)
    settings = HealingSettings()
    faulty = [p for p in stories if p.faults]
    asked = [p for p in faulty if is_visible(p.scenario) and p.scenario.forgery is None]
    wrong = [(p, w) for p in stories for w in wrong_actions(p)]
    return {
        "stories": len(stories),
        "actions": sum(len(p.actions) for p in stories),
        "undos": sum(w.is_undo for p in stories for w in p.writes),
        "wrong_actions": len(wrong),
        "wrong": [
            {"story": p.scenario.name, "seed": p.scenario.seed, "did": f"{w.kind} {w.workload}"}
            for p, w in wrong
        ],
        "budget_overruns": [
            {"story": p.scenario.name, "seed": p.scenario.seed, "what": what}
            for p in stories
            for what in overruns(p, settings)
        ],
        "outside_allow_list": sum(len(strangers(p, allowed)) for p in stories),
        "most_actions_in_a_story": max((len(p.actions) for p in stories), default=0),
        "faulty": len(faulty),
        "faulty_and_visible": len(asked),
        "healed_of_visible": sum(is_healed(p) for p in asked),
        "healed_of_all": sum(is_healed(p) for p in faulty if p.scenario.forgery is None),
        "missed": [
            {
                "story": p.scenario.name,
                "seed": p.scenario.seed,
                "service": p.faults[0].service,
                "refused": dict(p.refused),
                "fired": p.fired_count,
            }
            for p in asked
            if not is_healed(p)
        ],
        "refused": dict(sum((Counter(p.refused) for p in stories), Counter[str]())),
        "cpu_s": round(sum(p.cpu_s for p in stories), 1),
        "by_kind": _by_kind(stories),
    }


def _by_kind(stories: list[Played]) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = {}
    for played in stories:
        row = kinds.setdefault(
            played.scenario.name, {"stories": 0, "visible": 0, "acted": 0, "wrong": 0, "healed": 0}
        )
        row["stories"] += 1
        row["visible"] += bool(played.faults) and is_visible(played.scenario)
        row["acted"] += bool(played.actions)
        row["wrong"] += bool(wrong_actions(played))
        row["healed"] += bool(played.faults) and is_healed(played)
    return dict(sorted(kinds.items()))
