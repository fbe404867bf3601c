"""What is written down of a run: raw timelines and rankings per recording, scores over all."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bench.rca.replay import Replayed
from bench.rca.score import (
    accuracy,
    average_at_5,
    bootstrap,
    chance,
    middle,
    quantile,
    rank_of,
    score_detection,
)

CONFIDENCE_EDGES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)


def write_raw(out: Path, replayed: Replayed) -> None:
    """Write `status.jsonl` and `ranking.json` of one recording."""
    place = out / "rca" / replayed.recording.name
    place.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(entry) for entry in replayed.timeline)
    (place / "status.jsonl").write_text("".join(f"{line}\n" for line in lines))
    for name, is_own in (("ranking.json", False), ("ranking-own-onset.json", True)):
        answers = [
            {
                "onset_unix_s": asked.onset_unix_s,
                "causes": [cause["service"] for cause in asked.answer["causes"]],
                "confidence": asked.answer["confidence"],
                "finding": asked.answer["finding"],
                "sentence": asked.answer["sentence"],
            }
            for asked in replayed.asked
            if asked.is_own_onset == is_own
        ]
        (place / name).write_text(json.dumps(answers, indent=2) + "\n")


def summary(results: Sequence[Replayed]) -> dict[str, Any]:
    """All scores, as `out/bench-rca.json` has them."""
    systems = sorted({r.recording.system for r in results})
    return {
        "detection": [_detection(r) for r in results if r.recording.is_gapless],
        "detection_all": _detection_all(results),
        "ranking": {s: _ranking(results, s, is_own=False) for s in systems},
        "ranking_own_onset": {s: _ranking(results, s, is_own=True) for s in systems},
        "confidence": _confidence(results),
        "cases": [_case(r, asked) for r in results for asked in r.asked],
        "took_s": {r.recording.name: round(r.took_s, 1) for r in results},
        "refused_writes": sum(r.refused_writes for r in results),
    }


def _detection(replayed: Replayed) -> dict[str, Any]:
    recording = replayed.recording
    found = score_detection(recording, replayed.timeline)
    return {
        "recording": recording.name,
        "faults": [
            {
                "fault": fault.kind,
                "service": fault.service,
                "start_unix_s": fault.start_unix_s,
                "delay_s": found.delays_s[index],
            }
            for index, fault in enumerate(recording.faults)
        ],
        "false_issues": [
            {"id": o.issue_id, "unix_s": o.unix_s, "service": o.service}
            for o in found.false_openings
        ],
        "plans_in_quiet": found.plans_in_quiet,
        "quiet_h": round(found.quiet_h, 2),
    }


def _detection_all(results: Sequence[Replayed]) -> dict[str, Any]:
    parts = [_detection(r) for r in results if r.recording.is_gapless]
    faults = [fault for part in parts for fault in part["faults"]]
    delays = [fault["delay_s"] for fault in faults if fault["delay_s"] is not None]
    return {
        "fault_count": len(faults),
        "found_count": len(delays),
        "delay_s_median": middle(delays),
        "delay_s_p90": quantile(delays, 0.9),
        "false_issue_count": sum(len(part["false_issues"]) for part in parts),
        "plans_in_quiet": sum(part["plans_in_quiet"] for part in parts),
        "quiet_h": sum(part["quiet_h"] for part in parts),
    }


def _ranking(results: Sequence[Replayed], system: str, *, is_own: bool) -> dict[str, Any]:
    cases = [
        _case(r, asked)
        for r in results
        for asked in r.asked
        if r.recording.system == system and asked.is_own_onset == is_own
    ]
    if not cases:
        return {"case_count": 0}
    ranks = [case["rank"] for case in cases]
    counts = [case["service_count"] for case in cases]
    by_fault = sorted({case["fault"] for case in cases})
    return {
        "case_count": len(cases),
        "ac1": accuracy(ranks, 1),
        "ac1_interval": bootstrap(ranks, lambda r: accuracy(r, 1)),
        "ac3": accuracy(ranks, 3),
        "avg5": average_at_5(ranks),
        "avg5_interval": bootstrap(ranks, average_at_5),
        "chance_ac1": chance(counts, 1),
        "chance_avg5": sum(chance(counts, most) for most in range(1, 6)) / 5,
        "by_fault_ac1": {
            kind: accuracy([c["rank"] for c in cases if c["fault"] == kind], 1) for kind in by_fault
        },
    }


def _case(replayed: Replayed, asked: Any) -> dict[str, Any]:
    causes = [cause["service"] for cause in asked.answer["causes"]]
    return {
        "recording": replayed.recording.name,
        "system": replayed.recording.system,
        "fault": asked.fault.kind,
        "service": asked.fault.service,
        "is_own_onset": asked.is_own_onset,
        "onset_unix_s": asked.onset_unix_s,
        "rank": rank_of(asked.fault.service, causes),
        "first": causes[0] if causes else None,
        "confidence": asked.answer["confidence"],
        "finding": asked.answer["finding"],
        "service_count": len(causes),
        "took_s": round(asked.took_s, 3),
    }


def _confidence(results: Sequence[Replayed]) -> list[dict[str, Any]]:
    """How often the first cause was right, by how confident the service was."""
    cases = [_case(r, asked) for r in results for asked in r.asked if not asked.is_own_onset]
    table = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        inside = [case for case in cases if low <= case["confidence"] < high]
        right = sum(case["rank"] == 1 for case in inside)
        table.append({"from": low, "to": min(1.0, high), "count": len(inside), "right": right})
    return table
