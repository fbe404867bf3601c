"""The story: four faults, one after the other, each healed by the service or not."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from homeostat.demo.drive import is_over, named_cause
from homeostat.demo.story import Story
from homeostat.demo.summary import FaultSummary, Summary, summarise_fault, wrong_targets
from tests.cluster.story.house import RELEASE_AGE_S, House
from tests.cluster.story.shop import LOOSELY_SCALED, OWN
from tests.parts.control_plane import ControlPlane


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One fault, where it is played (None: wherever the twin likes), and what heals it.

    `of_long_ago`: only healed so where the pods' release is no new one any more.
    """

    kind: str
    action: str
    service: str | None = None
    of_long_ago: bool = False


SCENES: Final = (
    Scene(kind="overload", action="scale", service="recommendation"),
    Scene(kind="overload", action="set_floor", service=LOOSELY_SCALED),
    Scene(kind="dead_service", action="restart", of_long_ago=True),
    Scene(kind="crashing_release", action="roll_back_release"),
)
STEP_S: Final = 0.5
WARM_S_MAX: Final = 180.0
FAULT_S_MAX: Final = 240.0
"""A quiet machine needs a quarter of these."""
SETTLE_S: Final = 5.0
ACCOUNT: Final = f"system:serviceaccount:{OWN}:{OWN}"


class Play:
    """One house, its faults, and what is told of them."""

    def __init__(self, house: House, story: Story) -> None:
        self._house = house
        self._story = story
        self.status: dict[str, Any] = {}

    def run(self, *, seed: int, scenes: tuple[Scene, ...] = SCENES) -> Summary:
        """Wait until the service knows what is normal, then play one fault after the other."""
        began = time.monotonic()
        self._story.begin(time.time_ns())
        self._story.tell(time.time_ns(), "learning what is normal")
        played: tuple[FaultSummary, ...] = ()
        for scene in scenes:
            wait_s = RELEASE_AGE_S if scene.of_long_ago else 0.0
            self._until(partial(self._is_calm, began + wait_s), WARM_S_MAX)
            played = (*played, self._play(scene))
            if not played[-1].healed:
                break  # what follows could not be told from it
        truth = {**self._truth(), "writes": writes_of(self._house.place.plane)}
        return Summary(seed=seed, wrong_targets=wrong_targets(truth), faults=played)

    def _is_calm(self, not_before: float) -> bool:
        """Warm, nothing open, and late enough."""
        is_open = any(issue["state"] != "resolved" for issue in self.status["issues"])
        return bool(self.status["warm"]) and not is_open and time.monotonic() > not_before

    def _play(self, scene: Scene) -> FaultSummary:
        kind = scene.kind
        fault = self._house.twin.ask(method="inject", fault=kind, service=scene.service)["fault"]
        begin = fault["injected_unix_ns"]
        if fault["version"]:  # somebody deploys it, and does not know
            self._house.place.release(fault["service"], fault["version"])
        text = f"fault injected: {kind} at {fault['service']} (the service is not told)"
        self._story.tell(time.time_ns(), text, "bold")
        named: list[str] = []

        def ends() -> bool:
            found = named_cause(self.status, begin)
            named.extend([found] if found else [])
            return is_over(self.status, begin)

        self._until(ends, FAULT_S_MAX)
        summary = summarise_fault(fault, self.status, next(iter(named), None), self._truth())
        pause = time.monotonic() + SETTLE_S
        self._until(lambda: time.monotonic() > pause, 2 * SETTLE_S)
        return summary

    def _truth(self) -> dict[str, Any]:
        return self._house.twin.ask(method="truth")

    def _until(self, is_true: Callable[[], bool], limit_s: float) -> None:
        """Follow the service until something holds, or for too long."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self.status = self._house.status()
            self._story.follow(self.status)
            if is_true():
                return
            time.sleep(STEP_S)


def writes_of(plane: ControlPlane) -> list[dict[str, Any]]:
    """Return what the API server's audit log has of Homeostat's own writes that took effect.

    An Event tells of a change and is none.
    """
    found = []
    for text in plane.audit_log.read_text().splitlines():
        line = json.loads(text)
        target = line.get("objectRef", {})
        if (
            line["user"]["username"] == ACCOUNT
            and line["verb"] not in {"get", "list", "watch"}
            and line["responseStatus"]["code"] < 300
            and "dryRun" not in line["requestURI"]
            and target.get("namespace") != OWN
            and target["resource"] != "events"
        ):
            at = datetime.fromisoformat(line["stageTimestamp"])
            found.append(
                {
                    "unix_ns": int(at.timestamp() * 1e9),
                    "workload": target["name"],
                    "resource": target["resource"],
                    "asked": line.get("requestObject"),
                }
            )
    return found
