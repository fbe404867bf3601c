"""What a change changes, for people to read and to approve; and the name of exactly that."""

import hashlib
from typing import Final

from knowledge.cluster import Change, Restart, RollBackRelease, Scale, SetFloor, Workload
from knowledge.codec import to_json

DIGEST_CHARS: Final = 16
"""64 bits: short enough to be read out, long enough that nobody finds a second plan for it."""


def diff_of(change: Change, workload: Workload) -> tuple[str, ...]:
    """Return the fields of `workload` that `change` touches, a line each."""
    match change:
        case Scale():
            return (f"spec.replicas: {change.replicas_before} -> {change.replicas}",)
        case SetFloor():
            where = f"{change.scaler_kind} {change.scaler_name}"
            return (f"{where}, least replicas: {change.floor_before} -> {change.floor}",)
        case Restart():
            pods, revision = workload.replicas, workload.revision
            return (f"spec.template: all {pods} pods are made anew on revision {revision}",)
        case RollBackRelease():
            names = {r.number: f"{r.number} ({r.version})" for r in workload.revisions}
            before, after = (
                names.get(number, str(number))
                for number in (change.revision_before, change.revision)
            )
            return (f"spec.template: revision {before} -> {after}",)


def digest_of(
    issue_id: str, change: Change, undo: Change | None, workload: Workload, diff: tuple[str, ...]
) -> str:
    """Return the digest that names a change of exactly this state of its target."""
    parts = (
        issue_id.encode(),
        to_json(change, Change),
        to_json(undo, Change | None),
        workload.resource_version.encode(),
        *(line.encode() for line in diff),
    )
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(framed).hexdigest()[:DIGEST_CHARS]
