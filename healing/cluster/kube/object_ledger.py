"""The ledger of several replicas: one ConfigMap in our own namespace, changed by compare and swap.

One object, so that what is kept is kept whole and an epoch that is over can keep nothing more: the
successor's first write changes its version. https://kubernetes.io/docs/concepts/configuration/configmap/
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from healing.cluster.action_ledger import LedgerUnavailableError, StaleEpochError
from healing.cluster.kube.api import UNREACHABLE, Answer, Api
from healing.cluster.kube.ledger_content import (
    NAME,
    Content,
    Kept,
    content_of,
    memory_of,
    standing_of,
)
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.memory import Memory
from knowledge.orders import Order
from knowledge.ticks import TickInputs, TickOutputs

TRIES_MAX: Final = 4
NOT_FOUND: Final = 404
CONFLICT: Final = 409


class ObjectLedger:
    """An `ActionLedger` in a ConfigMap."""

    def __init__(
        self, api: Api, namespace: str, *, identity: str, now_unix_ns: Callable[[], int]
    ) -> None:
        self._api = api
        self._identity = identity
        self._now_unix_ns = now_unix_ns
        self._collection = f"/api/v1/namespaces/{namespace}/configmaps"
        self._path = f"{self._collection}/{NAME}"
        self._content = Content()
        self._is_dirty = False
        self._writing = asyncio.Lock()  # orders come in beside the ticks

    async def begin(self, epoch: int) -> Memory:
        """Begin an epoch and return what those before it left.

        Raises:
            StaleEpochError: a later one has begun, or this one was used already.
            LedgerUnavailableError: it cannot be begun now.
        """
        for _ in range(TRIES_MAX):
            found = await self._look()
            is_ours = (found.epoch, found.holder) == (epoch, self._identity)
            if found.epoch >= epoch and not is_ours:
                raise StaleEpochError(found.epoch)
            self._content = replace(found, epoch=epoch, holder=self._identity)
            if await self._put():
                return memory_of(self._content)
        raise LedgerUnavailableError(f"{NAME} was changed by others {TRIES_MAX} times in a row")

    async def keep(self, inputs: TickInputs, outputs: TickOutputs) -> None:
        """Make a tick's orders, plans, intents and verdicts durable; the rest is the journal's.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept.
        """
        # an approval is for the moment that it was given in, pauses hold on
        for order in inputs.orders:
            if order.kind != "approve":
                self._say(order)
        for approved in outputs.approved:
            self._add(approved.plan.id, Kept(approved=(approved,)))
        for intent in outputs.intents:
            known = self._content.plans.get(intent.plan_id, Kept())
            if intent not in known.intents:  # one that is tried again is there already
                self._add(intent.plan_id, Kept(intents=(intent,)))
        for verdict in outputs.verdicts:
            self._add(verdict.plan_id, Kept(verdicts=(verdict,)))
        standing = standing_of(outputs)
        if not standing.is_like(self._content.standing):
            self._content.standing = standing
            self._is_dirty = True
        if self._is_dirty:
            await self._store()

    async def hear(self, order: Order) -> None:
        """Keep what a person said, at once.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        self._say(order)
        await self._store()

    def _say(self, order: Order) -> None:
        if order not in self._content.orders:
            self._content.orders += (order,)
            self._is_dirty = True

    async def settle(self, outcome: WriteOutcome) -> None:
        """Keep what became of a write.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        await self.hand_on(outcome, ())

    async def hand_on(self, outcome: WriteOutcome, anew: tuple[WriteIntent, ...]) -> None:
        """Keep what became of a write together with what is to be written in its stead.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        for plan_id, kept in tuple(self._content.plans.items()):
            if any(intent.id == outcome.intent_id for intent in kept.intents):
                self._add(plan_id, Kept(outcomes=(outcome,), intents=anew))
        await self._store()

    def _add(self, plan_id: str, more: Kept) -> None:
        self._content.add(plan_id, more)
        self._is_dirty = True

    async def _store(self) -> None:
        """Put the content in place of what is there, if that is still of our epoch."""
        async with self._writing:
            for _ in range(TRIES_MAX):
                if self._content.version is None:
                    await self._refresh()
                if await self._put():
                    return
        raise LedgerUnavailableError(f"{NAME} was changed by others {TRIES_MAX} times in a row")

    async def _put(self) -> bool:
        """Put the content in place of the version that was seen; False where it has changed."""
        self._content.prune(self._now_unix_ns())
        answer = await self._send(self._content.data())
        if answer.ok:
            self._content.version = answer.json()["metadata"]["resourceVersion"]
            self._is_dirty = False
        elif answer.status not in {CONFLICT, NOT_FOUND}:
            raise LedgerUnavailableError(f"{NAME}: {answer.message()}")
        return answer.ok

    async def _refresh(self) -> None:
        """Learn the present version; an object of a later epoch is not ours to write."""
        found = await self._look()
        is_ours = found.holder == self._identity
        if found.epoch > self._content.epoch or (found.epoch and not is_ours):
            raise StaleEpochError(found.epoch)
        self._content.version = found.version

    async def _send(self, data: dict[str, str]) -> Answer:
        version = self._content.version
        meta = {"name": NAME, **({"resourceVersion": version} if version else {})}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
        method, path = ("PUT", self._path) if version else ("POST", self._collection)
        self._content.version = None  # until an answer says otherwise
        try:
            return await self._api.send(method, path, body)
        except UNREACHABLE as error:
            raise LedgerUnavailableError(f"{NAME}: {error!r}") from error

    async def _look(self) -> Content:
        try:
            answer = await self._api.get(self._path)
        except UNREACHABLE as error:
            raise LedgerUnavailableError(f"{NAME}: {error!r}") from error
        if answer.status == NOT_FOUND:
            return Content(version="")
        if not answer.ok:
            raise LedgerUnavailableError(f"{NAME}: {answer.message()}")
        return content_of(answer.json())
