"""Two ways to a cause, one answer: the window's exclusive blame, and the diagnosis of the history.

Blame divides the users' time and failures of the last minute exactly, at once, and knows nothing of
records, steps or CPU. A diagnosis looks further back and at more, but takes longer and comes a look
later. Whichever is the surer is believed.
"""

from dataclasses import replace

from knowledge.diagnosis import Diagnosis, Suspect
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Cause, CauseKind, Finding

SUSPECT_COUNT_MAX = 5


def surer(
    blamed: tuple[Finding, tuple[Cause, ...]],
    diagnosis: Diagnosis | None,
    workloads: dict[ServiceKey, WorkloadKey],
) -> tuple[Finding, tuple[Cause, ...]]:
    """Return the finding and the causes of the surer of the two."""
    finding, causes = blamed
    if diagnosis is None or diagnosis.finding != "cause":
        return blamed
    first = diagnosis.suspects[0]
    if finding == "cause" and causes[0].service == first.service:
        seconded = tuple(t.evidence for t in first.testimonies)
        best = replace(causes[0], evidence=(*causes[0].evidence, *seconded))
        return finding, (best, *causes[1:])
    if finding == "cause" and causes[0].confidence >= diagnosis.confidence:
        return blamed
    known = {cause.service: cause for cause in causes}
    suspects = [s for s in diagnosis.suspects[:SUSPECT_COUNT_MAX] if s.score > 0]
    return "cause", tuple(
        _cause(suspect, diagnosis.confidence, known.get(suspect.service), workloads)
        for suspect in suspects
    )


def _cause(
    suspect: Suspect,
    confidence: float,
    blamed: Cause | None,
    workloads: dict[ServiceKey, WorkloadKey],
) -> Cause:
    kind: CauseKind = "slow"
    if suspect.testimonies and suspect.testimonies[0].witness == "behaviour":
        kind = "failing"
    return Cause(
        service=suspect.service,
        workload=workloads.get(suspect.service),
        kind=blamed.kind if blamed else kind,
        explains_ratio=suspect.score,
        confidence=min(confidence, suspect.score),
        arrival_ratio=blamed.arrival_ratio if blamed else None,
        evidence=tuple(t.evidence for t in suspect.testimonies),
    )
