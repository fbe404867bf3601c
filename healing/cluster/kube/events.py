"""What we did, told on the object that we did it to: `kubectl describe` shows it.

An aid for people, never a condition of anything: it is sent beside the write and not awaited, at
most so many a second, and what cannot be sent is dropped and counted.
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import asyncio
import hashlib
import socket
import time
from datetime import UTC, datetime
from typing import Any, Final

from healing.cluster.kube.api import UNREACHABLE, Api
from knowledge.cluster import WriteIntent, WriteOutcome

CONTROLLER: Final = "homeostat.dev/homeostat"
WAITING_MAX: Final = 64
PER_S: Final = 1.0
BURST: Final = 5
NOTE_MAX: Final = 1000
"""The server refuses notes above 1 kB."""
_REASONS: Final = {"applied": "Healed", "conflict": "HealingConflict", "failed": "HealingFailed"}


class Events:
    """Takes what is to be told; `run` sends it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING_MAX)
        self.dropped_count = 0

    def tell(self, intent: WriteIntent, outcome: WriteOutcome) -> None:
        """Take note of what became of a write; returns at once."""
        if outcome.status not in _REASONS or not outcome.is_sent:
            return  # nothing was tried, or nothing is known
        try:
            self._waiting.put_nowait((intent.change.target.namespace, event_of(intent, outcome)))
        except asyncio.QueueFull:
            self.dropped_count += 1

    async def run(self) -> None:
        """Send until cancelled, at most `BURST` at once and `PER_S` a second."""
        tokens, filled_s = float(BURST), time.monotonic()
        while True:
            namespace, body = await self._waiting.get()
            now_s = time.monotonic()
            tokens = min(float(BURST), tokens + (now_s - filled_s) * PER_S)
            filled_s = now_s
            if tokens < 1:
                await asyncio.sleep((1 - tokens) / PER_S)
                tokens, filled_s = 1.0, time.monotonic()
            tokens -= 1
            await self._send(namespace, body)

    async def _send(self, namespace: str, body: dict[str, Any]) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        try:
            answer = await self._api.send("POST", path, body)
        except UNREACHABLE:
            self.dropped_count += 1
            return
        if not answer.ok:
            self.dropped_count += 1


def event_of(intent: WriteIntent, outcome: WriteOutcome) -> dict[str, Any]:
    """Return the event that tells of a write."""
    target = intent.change.target
    told = f"{intent.id}: {outcome.status} {outcome.reason}".rstrip()
    digest = hashlib.sha256(f"{intent.id} {outcome.finished_unix_ns}".encode()).hexdigest()
    at = datetime.fromtimestamp(outcome.finished_unix_ns / 1e9, UTC)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"homeostat-{digest[:16]}", "namespace": target.namespace},
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": CONTROLLER,
        "reportingInstance": socket.gethostname()[:128],
        "action": f"{'undo of ' if intent.is_undo else ''}{intent.change.kind}",
        "reason": _REASONS[outcome.status],
        "type": "Normal" if outcome.status == "applied" else "Warning",
        "regarding": {
            "apiVersion": "apps/v1",
            "kind": target.kind,
            "namespace": target.namespace,
            "name": target.name,
            "uid": target.uid,
        },
        "note": told[:NOTE_MAX],
    }
