"""One intent as one JSON Patch on the workload itself. Pure.

Each patch tests uid, resource version and the old value, then sets an absolute value, and leaves
the action's id and way back as an annotation: effect and record are one atomic write.
RFC 6902 is the patch, https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-operations
its use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from healing.cluster.kube.boosts import boost_note, boost_of
from healing.cluster.kube.names import ACTION, BOOST, RESTARTED_AT
from healing.cluster.kube.releases import bare_template
from healing.cluster.kube.scalers import FLOORS
from knowledge.boosts import boost_after
from knowledge.cluster import Change, Restart, RollBackRelease, Scale, SetFloor, WriteIntent

Operation = dict[str, Any]
MANAGED: Final = frozenset({"managedFields", "resourceVersion", "generation"})
"""What the server itself keeps about an object's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What one write is about to change: `path` from `before` to `after` (None: absent)."""

    path: tuple[str, ...]
    before: Any
    after: Any


def touch_of(
    change: Change, live: Mapping[str, Any], release: Mapping[str, Any] | None, at_unix_ns: int
) -> Touch:
    """Return what `change` does to the live object; `release` is the template to go back to."""
    spec = live["spec"]
    match change:
        case Scale():
            return Touch(
                path=("spec", "replicas"), before=spec.get("replicas"), after=change.replicas
            )
        case SetFloor():
            path = FLOORS[change.scaler_kind]
            return Touch(path=path, before=_at(live, path), after=change.floor)
        case Restart():
            return Touch(
                path=("spec", "template", "metadata", "annotations", RESTARTED_AT),
                before=_at(live, ("spec", "template", "metadata", "annotations", RESTARTED_AT)),
                after=rfc3339(at_unix_ns),
            )
        case RollBackRelease():
            assert release is not None  # it was looked for before
            return Touch(
                path=("spec", "template"),
                before=spec["template"],
                after=bare_template(dict(release), restarts=True),
            )


def patch_of(intent: WriteIntent, touch: Touch, live: Mapping[str, Any]) -> list[Operation]:
    """Return the whole write."""
    meta = live["metadata"]
    tests = [
        operation("test", ("metadata", "uid"), meta["uid"]),
        operation("test", ("metadata", "resourceVersion"), meta["resourceVersion"]),
    ]
    if touch.before is not None:
        tests.append(operation("test", touch.path, touch.before))
    values: dict[tuple[str, ...], Any] = {
        touch.path: touch.after,
        ("metadata", "annotations", ACTION): note_of(intent),
    }
    if isinstance(intent.change, Scale | SetFloor):
        values["metadata", "annotations", BOOST] = _boost_note(intent, intent.change, live)
    return [*tests, *_sets(live, values)]


def allowed_paths(touch: Touch) -> tuple[tuple[str, ...], ...]:
    """Return all that a write may change: its field, and the notes that it leaves."""
    notes = (("metadata", "annotations", name) for name in (ACTION, BOOST))
    return touch.path, *notes


def _boost_note(
    intent: WriteIntent, change: Scale | SetFloor, live: Mapping[str, Any]
) -> str | None:
    known = boost_of(live["metadata"].get("annotations") or {})
    boost = boost_after(change, known, action_id=intent.id, at_unix_ns=intent.created_unix_ns)
    return boost_note(boost) if boost is not None else None


def note_of(intent: WriteIntent) -> str:
    """Return what a write leaves on its object: who did what, and how it is taken back."""
    change = intent.change
    told: dict[str, Any] = {
        "id": intent.id,
        "epoch": intent.epoch,
        "kind": change.kind,
        "undo": intent.is_undo,
        "at": rfc3339(intent.created_unix_ns),
    }
    if intent.profile != "recovery":
        told["profile"] = intent.profile
    match change:
        case Scale():
            told |= {"after": change.replicas, "before": change.replicas_before}
        case SetFloor():
            told |= {"after": change.floor, "before": change.floor_before}
        case RollBackRelease():
            told |= {"after": change.revision, "before": change.revision_before}
        case Restart():
            pass
    return msgspec.json.encode(told).decode()


def _sets(live: Mapping[str, Any], values: Mapping[tuple[str, ...], Any]) -> list[Operation]:
    """Set each value, or remove what is to be None; missing parents are made first, each once."""
    made: set[tuple[str, ...]] = set()
    operations = []
    for path, value in values.items():
        if value is None:
            if _at(live, path) is not None:
                operations.append({"op": "remove", "path": _pointer(path)})
            continue
        for length in range(1, len(path)):
            parent = path[:length]
            if parent not in made and not isinstance(_at(live, parent), dict):
                operations.append(operation("add", parent, {}))
                made.add(parent)
        operations.append(operation("add", path, value))
    return operations


def operation(name: str, path: tuple[str, ...], value: Any) -> Operation:
    """Return one operation of a JSON Patch, its path as a pointer."""
    return {"op": name, "path": _pointer(path), "value": value}


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(tree, Mapping) or step not in tree:
            return None
        tree = tree[step]
    return tree


def is_set(touch: Touch, live: Mapping[str, Any]) -> bool:
    """Whether the object has the value that the write is to set."""
    return bool(_at(live, touch.path) == touch.after)


def strayed(before: Any, after: Any, allowed: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the paths that differ though the write must not touch them.

    For what admission of others adds on the way: an effect that was not planned is not made.
    """
    found: list[str] = []
    _compare(before, after, (), allowed, found)
    return found


def _compare(
    before: Any,
    after: Any,
    path: tuple[str, ...],
    allowed: tuple[tuple[str, ...], ...],
    found: list[str],
) -> None:
    if before == after or path in allowed or path[:1] == ("status",):
        return
    if path[:1] == ("metadata",) and len(path) > 1 and path[1] in MANAGED:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            _compare(before.get(key), after.get(key), (*path, key), allowed, found)
    elif any(step[: len(path)] == path for step in allowed) and not before and after:
        _compare({}, after, path, allowed, found)  # a parent that the write made
    else:
        found.append("/".join(path))


def rfc3339(unix_ns: int) -> str:
    """Return a time as Kubernetes writes it: the same for the same action, however often tried."""
    return datetime.fromtimestamp(unix_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
