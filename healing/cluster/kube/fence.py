"""The bump of a target's resource version by which a successor shuts its predecessor out.

A patch of ours tests the resource version that was read right before it. So once a target was
written to by the successor, nothing fails to be late: whatever the predecessor still has under way,
wherever it is held up, no longer fits. The epoch stays on the target as an annotation, and no write
of an earlier one is even tried (`subjects.py`).
"""

from collections.abc import Mapping
from typing import Any, Final

from healing.cluster.kube.api import UNREACHABLE, Api
from healing.cluster.kube.names import FENCE
from healing.cluster.kube.patches import operation
from healing.cluster.kube.subjects import fence_of, name_of, path_of, uid_of
from knowledge.cluster import Change, ClusterUnavailableError

NOT_FOUND: Final = 404
OVERTAKEN: Final = frozenset({409, 422})
TRIES_MAX: Final = 5


async def fence(api: Api, change: Change, *, epoch: int) -> bytes | None:
    """Write the epoch on the object of a change; return it as it is then, None where it is gone.

    Raises:
        ClusterUnavailableError: it was not done, or that is not known.
    """
    if change.target.kind != "Deployment":
        return None  # nothing else is ever written to
    path, target = path_of(change), name_of(change)
    for _ in range(TRIES_MAX):
        try:
            answer = await api.get(path)
            live = answer.json() if answer.ok else None
            if answer.status == NOT_FOUND or (live and live["metadata"]["uid"] != uid_of(change)):
                return None
            if live is None:
                raise ClusterUnavailableError(f"fence of {target}: {answer.message()}")
            if fence_of(live) > epoch:
                raise ClusterUnavailableError(f"{target} is fenced by epoch {fence_of(live)}")
            answer = await api.patch(path, _operations(live, epoch), is_dry_run=False)
        except UNREACHABLE as error:
            raise ClusterUnavailableError(f"fence of {target}: {error!r}") from error
        if answer.ok:
            return answer.body
        if answer.status not in OVERTAKEN:
            break
    raise ClusterUnavailableError(f"fence of {target}: {answer.message()}")


def _operations(live: Mapping[str, Any], epoch: int) -> list[dict[str, Any]]:
    meta = live["metadata"]
    marks = ("metadata", "annotations")
    parents = [] if "annotations" in meta else [operation("add", marks, {})]
    return [
        operation("test", ("metadata", "uid"), meta["uid"]),
        operation("test", ("metadata", "resourceVersion"), meta["resourceVersion"]),
        *parents,
        operation("add", (*marks, FENCE), str(epoch)),
    ]
