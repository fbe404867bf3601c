"""The one place that changes a cluster: look, compare, dry run, write once, read back.

What became of a write is told by HTTP status and by the object, never by whether an answer could be
decoded. A write whose answer did not come is looked up by the id that it carries.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from healing.cluster.kube.api import UNREACHABLE, Answer, Api
from healing.cluster.kube.held_api import HeldBackError
from healing.cluster.kube.patches import Touch, allowed_paths, is_set, patch_of, strayed, touch_of
from healing.cluster.kube.releases import release_number
from healing.cluster.kube.subjects import moved, name_of, path_of, seen_of
from knowledge.cluster import OvertakenError, RollBackRelease, WriteIntent, WriteOutcome

Status = Literal["applied", "refused", "conflict", "failed", "unknown"]
NOT_FOUND: Final = 404
CONFLICT: Final = 409
INVALID: Final = 422
SERVER_ERROR: Final = 500

OnWritten = Callable[[bytes], None]
"""Takes the object of a successful write, so that we read what we wrote."""
Permit = Callable[[WriteIntent], str | None]
"""Asked with nothing between it and the patch: why it may not be sent (any more), or None."""


class Mutator:
    """Writes intents to Deployments and to the floors of their autoscalers."""

    def __init__(
        self,
        api: Api,
        *,
        now_unix_ns: Callable[[], int],
        on_written: OnWritten,
        permit: Permit = lambda _: None,
    ) -> None:
        self._api = api
        self._permit = permit
        self._now_unix_ns = now_unix_ns
        self._on_written = on_written

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        """Try an intent once; whatever happens is an outcome.

        Raises:
            OvertakenError: somebody, or only the status, changed the object meanwhile.
        """
        is_sent = True
        try:
            status, reason = await self._write(intent)
        except _NotSentError as error:
            status, reason, is_sent = "failed", str(error), False
        return WriteOutcome(
            intent_id=intent.id,
            status=status,
            reason=reason,
            finished_unix_ns=self._now_unix_ns(),
            is_sent=is_sent,
        )

    async def _write(self, intent: WriteIntent) -> tuple[Status, str]:
        target = intent.change.target
        if target.kind != "Deployment":
            return "failed", f"{target}: only Deployments are written to"
        path, name = path_of(intent.change), name_of(intent.change)
        answer = await self._look(path)
        if answer.status == NOT_FOUND:
            return "failed", f"{name} not found"
        if not answer.ok:
            return "failed", f"{name} could not be read: {answer.message()}"
        seen, live = seen_of(intent.change, answer.body), answer.json()
        if seen.last_action_id == intent.id:
            return "applied", "was applied before"
        reason = moved(intent, live, seen)
        if reason is not None:
            return "conflict", reason
        release = None
        if isinstance(intent.change, RollBackRelease):
            release = await self._release(intent.change, live)
            if release is None:
                return "failed", f"no revision {intent.change.revision} in the history"
        touch = touch_of(intent.change, live, release, intent.created_unix_ns)
        operations = patch_of(intent, touch, live)
        refusal = await self._dry_run(path, operations, touch, live)
        if refusal is not None:
            return refusal
        return await self._commit(path, operations, touch, intent, live)

    async def _look(self, path: str) -> Answer:
        try:
            return await self._api.get(path)
        except UNREACHABLE as error:
            raise _NotSentError(f"{path}: {_told(error)}") from error

    async def _dry_run(
        self, path: str, operations: list[dict[str, Any]], touch: Touch, live: dict[str, Any]
    ) -> tuple[Status, str] | None:
        """Let the server say what would come of it: all its admission, and nothing beside."""
        try:
            answer = await self._api.patch(path, operations, is_dry_run=True)
        except HeldBackError as held:
            raise _NotSentError(f"dry run: {held}") from held
        except UNREACHABLE as error:
            return "failed", f"dry run: {_told(error)}"  # a dry run has no effect: nothing happened
        if not answer.ok:
            return await self._refusal(path, answer, live, "dry run: ")
        stray = strayed(live, answer.json(), allowed_paths(touch))
        if stray:
            return "failed", f"dry run: {', '.join(stray[:5])} would change as well"
        return None

    async def _commit(
        self,
        path: str,
        operations: list[dict[str, Any]],
        touch: Touch,
        intent: WriteIntent,
        live: dict[str, Any],
    ) -> tuple[Status, str]:
        refusal = self._permit(intent)
        if refusal is not None:
            return "refused", refusal
        try:
            answer = await self._api.patch(path, operations, is_dry_run=False)
        except HeldBackError as held:
            raise _NotSentError(str(held)) from held
        except UNREACHABLE as error:
            return await self._look_up(path, intent, repr(error))
        if answer.status >= SERVER_ERROR:
            return await self._look_up(path, intent, answer.message())
        if not answer.ok:
            return await self._refusal(path, answer, live, "")
        try:
            self._on_written(answer.body)
        except msgspec.DecodeError as error:  # done, whatever the answer looks like
            return await self._look_up(path, intent, str(error))
        return await self._read_back(path, touch)

    async def _read_back(self, path: str, touch: Touch) -> tuple[Status, str]:
        try:
            answer = await self._api.get(path)
        except UNREACHABLE as error:
            return "applied", f"written, not read back: {error!r}"
        if answer.ok and is_set(touch, answer.json()):
            return "applied", ""
        return "applied", "written, and changed by somebody else since"

    async def _look_up(self, path: str, intent: WriteIntent, why: str) -> tuple[Status, str]:
        """The answer was lost; the object knows. If it does not (yet), nobody does."""
        try:
            answer = await self._api.get(path)
        except UNREACHABLE:
            return "unknown", why
        if answer.ok and seen_of(intent.change, answer.body).last_action_id == intent.id:
            self._on_written(answer.body)
            return "applied", f"found in the cluster after: {why}"
        return "unknown", why

    async def _refusal(
        self, path: str, answer: Answer, live: dict[str, Any], where: str
    ) -> tuple[Status, str]:
        """Why the server said no. A failed test comes as 422, like any other invalid patch.

        Raises:
            OvertakenError: the object is not what was looked at any more.
        """
        if answer.status == CONFLICT:
            raise OvertakenError(path)
        if answer.status == INVALID:
            now = await self._look(path)
            then = live["metadata"]["resourceVersion"]
            if now.ok and then != now.json()["metadata"]["resourceVersion"]:
                raise OvertakenError(path)
        return "failed", where + answer.message()

    async def _release(self, change: RollBackRelease, live: dict[str, Any]) -> Any:
        """The template of a release: of its latest ReplicaSet, so that restarts are kept."""
        namespace = change.target.namespace
        selector = live["spec"]["selector"].get("matchLabels", {})
        query = {"labelSelector": ",".join(f"{k}={v}" for k, v in selector.items())}
        try:
            answer = await self._api.get(
                f"/apis/apps/v1/namespaces/{namespace}/replicasets", **query
            )
        except UNREACHABLE as error:
            raise _NotSentError(f"replicasets of {change.target}: {_told(error)}") from error
        if not answer.ok:
            return None
        found = [
            item
            for item in answer.json()["items"]
            if any(
                o["uid"] == change.target.uid for o in item["metadata"].get("ownerReferences", ())
            )
            and release_number(item["spec"]["template"]) == change.revision
        ]
        latest = max(found, key=_rollout, default=None)
        return latest["spec"]["template"] if latest else None


class _NotSentError(Exception):
    """Surely nothing was changed: the write was held back, or the look before it."""


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, HeldBackError) else repr(error)


def _rollout(item: dict[str, Any]) -> int:
    text = item["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision", "0")
    return int(text) if text.isdigit() else 0
