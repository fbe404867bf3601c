"""One recording through the real service: what /status said when, and what it answered when asked.

The labels steer only when the question is put and which periods it leaves out; nothing of what they
say about services or kinds reaches the service.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.rca.cluster import RecordedCluster
from bench.rca.recording import NS, Fault, Recording
from bench.rca.schedule import Due, Schedule, seconds
from bench.rca.service import Service

STEP_S: Final = 5
ASK_AFTER_S: Final = 180.0
TAIL_S: Final = 150
"""After the last row: the lateness, and the time in which a fault may still be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and its answer; `own_onset` where the onset was our own detection's."""

    fault: Fault
    onset_unix_s: float
    is_own_onset: bool
    answer: dict[str, Any]
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a recording. `timeline`: /status, one entry per change of its issues."""

    recording: Recording
    timeline: tuple[dict[str, Any], ...]
    asked: tuple[Asked, ...]
    took_s: float
    refused_writes: int


def replay(recording: Recording) -> Replayed:
    """Send a whole recording, in its own time, and note what the service says."""
    began = time.monotonic()
    schedule = Schedule.of(recording)
    start = seconds(recording.start_unix_s) // (STEP_S * NS) * STEP_S * NS
    with tempfile.TemporaryDirectory(prefix="rca-") as place:
        directory = Path(place)
        with Service(directory, start_unix_ns=start) as service:
            cluster = RecordedCluster(service.cluster_socket, schedule, start_unix_ns=start)
            try:
                drive = _Drive(recording, schedule, service, cluster, start_unix_ns=start)
                drive.run()
            finally:
                cluster.close()
    return Replayed(
        recording=recording,
        timeline=tuple(drive.timeline),
        asked=tuple(drive.asked),
        took_s=time.monotonic() - began,
        refused_writes=cluster.refused_writes,
    )


class _Drive:
    """Time, as the recording has it."""

    def __init__(
        self,
        recording: Recording,
        schedule: Schedule,
        service: Service,
        cluster: RecordedCluster,
        *,
        start_unix_ns: int,
    ) -> None:
        self._recording = recording
        self._dues = schedule.dues
        self._service = service
        self._cluster = cluster
        self._next = 0
        self._now = start_unix_ns
        self._end = max(seconds(recording.end_unix_s), schedule.end_unix_ns) + TAIL_S * NS
        self._questions = sorted(
            (f for f in recording.faults if f.is_target), key=lambda f: f.start_unix_s
        )
        self.timeline: list[dict[str, Any]] = []
        self.asked: list[Asked] = []

    def run(self) -> None:
        """Go to the end, and put each question at its time."""
        for fault in self._questions:
            self._go_to(seconds(fault.start_unix_s + ASK_AFTER_S))
            self._ask(fault)
        self._go_to(self._end)

    def _go_to(self, to_unix_ns: int) -> None:
        while self._now < to_unix_ns:
            grid = (self._now // (STEP_S * NS) + 1) * STEP_S * NS
            self._now = min(grid, to_unix_ns)
            dues: list[Due] = []
            while self._next < len(self._dues) and self._dues[self._next].at_unix_ns <= self._now:
                dues.append(self._dues[self._next])
                self._next += 1
            self._service.send(dues)
            self._cluster.advance(self._now)
            self._note(self._service.advance(self._now))

    def _note(self, status: dict[str, Any]) -> None:
        issues = status["issues"]
        if json.dumps(issues) != json.dumps(self.timeline[-1]["issues"] if self.timeline else []):
            self.timeline.append({"now_unix_ns": status["now_unix_ns"], "issues": issues})

    def _ask(self, fault: Fault) -> None:
        earlier = [
            (f.start_unix_s, f.end_unix_s)
            for f in self._recording.faults
            if f.start_unix_s < fault.start_unix_s
        ]
        self._put(fault, fault.start_unix_s, earlier, is_own_onset=False)
        own = self._own_onset(fault)
        if own is not None:
            self._put(fault, own, earlier, is_own_onset=True)

    def _own_onset(self, fault: Fault) -> float | None:
        """When the first issue that fired during the fault was opened."""
        for entry in self.timeline:
            for issue in entry["issues"]:
                opened = issue["opened_unix_ns"] / NS
                if issue["fired_unix_ns"] and fault.start_unix_s <= opened:
                    return opened if opened < fault.start_unix_s + ASK_AFTER_S else None
        return None

    def _put(
        self, fault: Fault, onset: float, earlier: list[tuple[float, float]], *, is_own_onset: bool
    ) -> None:
        began = time.monotonic()
        answer = self._service.diagnose(onset, earlier)
        self.asked.append(
            Asked(
                fault=fault,
                onset_unix_s=onset,
                is_own_onset=is_own_onset,
                answer=answer,
                took_s=time.monotonic() - began,
            )
        )
