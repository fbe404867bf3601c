"""From ReplicaSets to releases: which template is which, for good.

Kubernetes numbers rollouts, not releases: a roll-back gives an old template a new number, and a
restart gives the same release another one. Here a release is its template without the marks that
restarts and controllers leave, and its number is drawn from that content, so it means the same
release today and after any number of rollouts.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from healing.cluster.kube.names import RESTARTED_AT, REVISION, TEMPLATE_HASH
from healing.cluster.kube.objects import Meta, ReplicaSetObject
from knowledge.cluster import Revision

VERSION_LABEL: Final = "app.kubernetes.io/version"
_NUMBER_BYTES: Final = 6
"""Fits into any JSON number; two of a Deployment's ten releases agree once in 10**13."""


class RolledOut(msgspec.Struct, frozen=True):
    """A ReplicaSet, with its template boiled down to what is asked of it."""

    metadata: Meta
    release: int
    version: str


def boil_down(raw: msgspec.Raw) -> RolledOut:
    """Decode a ReplicaSet."""
    found = msgspec.json.decode(raw, type=ReplicaSetObject)
    template = found.spec.template
    return RolledOut(
        metadata=found.metadata, release=release_number(template), version=version_of(template)
    )


def release_number(template: dict[str, Any]) -> int:
    """Return the number that stands for what a template runs, however often it is restarted."""
    content = msgspec.json.encode(bare_template(template, restarts=False), order="deterministic")
    return int.from_bytes(hashlib.sha256(content).digest()[:_NUMBER_BYTES])


def bare_template(template: dict[str, Any], *, restarts: bool) -> dict[str, Any]:
    """Return a template without the controller's label and, unless `restarts`, restart marks."""
    meta = dict(template.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    labels = {k: v for k, v in (meta.pop("labels", None) or {}).items() if k != TEMPLATE_HASH}
    marks = meta.pop("annotations", None) or {}
    if not restarts:
        marks = {k: v for k, v in marks.items() if k != RESTARTED_AT}
    if labels:
        meta["labels"] = labels
    if marks:
        meta["annotations"] = marks
    return {**template, "metadata": meta}


def version_of(template: dict[str, Any]) -> str:
    """Return what people call it: its version label, else its first image's tag or digest."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if VERSION_LABEL in labels:
        return str(labels[VERSION_LABEL])
    containers = (template.get("spec") or {}).get("containers") or [{}]
    image = str(containers[0].get("image", ""))
    name, at, digest = image.partition("@")
    if at:
        return digest[:19]
    return name.rpartition("/")[2].partition(":")[2] or "latest"


def revisions_of(sets: Iterable[RolledOut]) -> tuple[Revision, ...]:
    """Return a Deployment's releases, oldest first.

    A release is as old as its oldest ReplicaSet that is still kept.
    """
    born: dict[int, RolledOut] = {}
    for rolled in sets:
        known = born.get(rolled.release)
        if known is None or _created(rolled) < _created(known):
            born[rolled.release] = rolled
    found = (
        Revision(
            number=rolled.release,
            version=rolled.version,
            created_unix_ns=_created(rolled),
        )
        for rolled in born.values()
    )
    return tuple(sorted(found, key=lambda revision: revision.created_unix_ns))


def _created(rolled: RolledOut) -> int:
    """The API tells seconds; within one the number of the rollout tells who came first."""
    rollout = rolled.metadata.annotations.get(REVISION, "")
    return unix_ns(rolled.metadata.creation_timestamp) + (int(rollout) if rollout.isdigit() else 0)


def unix_ns(time: datetime | None) -> int:
    """Return a time stamp in ns; 0 for none."""
    return int(time.timestamp()) * 10**9 if time else 0
