"""What may be concluded from a window of which we lost rows: nothing.

Fewer requests, other ratios, a silent service: all of it may be our own doing.
"""

from dataclasses import replace

from knowledge.issues import Symptom


def unless_gap(symptom: Symptom, gap: str | None) -> Symptom:
    """Return the symptom as it is, or as unknown where the window has a gap."""
    if gap is None:
        return symptom
    evidence = (f"the window has a gap that is ours: {gap}",)
    return replace(symptom, health="unknown", value=None, evidence=evidence, exemplars=())
