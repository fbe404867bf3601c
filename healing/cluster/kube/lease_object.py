"""The lease as an object of the API: what the state machine asks, put into requests.

https://kubernetes.io/docs/concepts/architecture/leases/. The times in it are for people to read;
nobody's decision hangs on them (`healing/cluster/lease.py`).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from healing.cluster.kube.api import UNREACHABLE, Api
from healing.cluster.kube.api import Answer as Reply
from healing.cluster.lease import Answer, Ask, Found, LeaseRecord, Look, Overtaken, Silence

NAME: Final = "homeostat"
NOT_FOUND: Final = 404
CONFLICT: Final = 409


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    lease_transitions: int = 0


class _Lease(msgspec.Struct):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


class LeaseObject:
    """One lease in one namespace. `error`: why the last request told nothing; None: it did."""

    def __init__(
        self, api: Api, namespace: str, *, now_unix_ns: Callable[[], int], request_s: float
    ) -> None:
        self._api = api
        self._now_unix_ns = now_unix_ns
        self._request_s = request_s
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._meta: dict[str, Any] = {}
        self.error: str | None = None

    async def handle(self, asked: Ask) -> Answer:
        """Ask the server; whatever happens is an answer."""
        try:
            async with asyncio.timeout(self._request_s):
                reply = await self._send(asked)
        except UNREACHABLE as error:
            self.error = f"the lease cannot be asked for: {error!r}"
            return Silence()
        self.error = None
        if reply.status == NOT_FOUND:
            return Found(record=None)
        if reply.status == CONFLICT:
            return Overtaken()
        if not reply.ok:
            self.error = f"the lease cannot be asked for: {reply.message()}"
            return Silence()
        return self._found(reply)

    async def _send(self, asked: Ask) -> Reply:
        path = f"{self._collection}/{NAME}"
        if isinstance(asked, Look):
            return await self._api.get(path)
        body = self._body(asked.record)
        if not asked.record.version:
            return await self._api.send("POST", self._collection, body)
        return await self._api.send("PUT", path, body)

    def _body(self, record: LeaseRecord) -> dict[str, Any]:
        """The whole object; labels and annotations that somebody gave it are kept."""
        kept = {k: v for k, v in self._meta.items() if k in {"labels", "annotations"}}
        meta = {**kept, "name": NAME}
        if record.version:
            meta["resourceVersion"] = record.version
        at = datetime.fromtimestamp(self._now_unix_ns() / 1e9, UTC)
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": meta,
            "spec": {
                "holderIdentity": record.holder or None,
                "leaseDurationSeconds": round(record.duration_s),
                "leaseTransitions": record.transitions,
                "renewTime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }

    def _found(self, reply: Reply) -> Answer:
        try:
            lease = msgspec.json.decode(reply.body, type=_Lease, strict=False)
            self._meta = reply.json()["metadata"]
        except (msgspec.DecodeError, KeyError) as error:
            self.error = f"the lease cannot be read: {error}"
            return Silence()
        spec = lease.spec
        return Found(
            record=LeaseRecord(
                holder=spec.holder_identity,
                duration_s=float(spec.lease_duration_seconds),
                transitions=spec.lease_transitions,
                version=lease.metadata.resource_version,
            )
        )
