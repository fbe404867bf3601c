"""The ledger of several replicas, in a ConfigMap on a genuine API server."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from healing.cluster.action_ledger import ActionLedger, LedgerUnavailableError, StaleEpochError
from healing.cluster.kube import ledger_content
from healing.cluster.kube.api import Api
from healing.cluster.kube.object_ledger import ObjectLedger
from knowledge.memory import Memory
from tests.cluster.place import Place
from tests.healing.conftest import NOW
from tests.healing.ledger_contract import APPLIED, BEGUN, INPUTS, INTENT, NOTHING, LedgerContract

T = TypeVar("T")
_processes = itertools.count()


@dataclass(frozen=True)
class ConfigMap:
    """A namespace; each `do` is another process there."""

    place: Place
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def do(self, act: Callable[[ActionLedger], Awaitable[T]]) -> T:
        identity = f"process-{next(_processes)}"

        async def run() -> T:
            api = await Api.connect(kubeconfig=self.place.plane.kubeconfig, context=None)
            try:
                ledger = ObjectLedger(
                    api, self.place.namespace, identity=identity, now_unix_ns=lambda: NOW
                )
                return await act(ledger)
            finally:
                await api.close()

        return asyncio.run(run())

    def number(self) -> int:
        return next(self._numbers)


@pytest.fixture
def store(place: Place) -> ConfigMap:
    return ConfigMap(place)


class TestObjectLedger(LedgerContract):
    """The contract, as the API server keeps it."""


def test_a_person_s_hand_on_the_object_does_not_stop_the_ledger(store: ConfigMap) -> None:
    path = store.place.path("configmaps", ledger_content.NAME, group="v1")

    async def act(ledger: ActionLedger) -> None:
        await ledger.begin(1)
        store.place.plane.admin.merge(path, {"metadata": {"labels": {"seen": "yes"}}})
        await ledger.keep(INPUTS, BEGUN)
        store.place.plane.admin.delete(path)
        await ledger.settle(APPLIED)

    store.do(act)
    memory = store.do(lambda ledger: ledger.begin(2))
    assert (memory.intents, memory.outcomes) == ((INTENT,), (APPLIED,))


def test_two_that_begin_at_once_do_not_lose_what_the_first_kept(store: ConfigMap) -> None:
    async def first(ledger: ActionLedger) -> Memory:
        await ledger.begin(1)

        def second() -> Memory:
            return store.do(lambda other: other.begin(2))

        (memory, _) = await asyncio.gather(
            asyncio.to_thread(second), ledger.keep(INPUTS, BEGUN), return_exceptions=True
        )
        assert isinstance(memory, Memory), memory
        try:
            await ledger.keep(INPUTS, NOTHING)
            await ledger.settle(APPLIED)
        except StaleEpochError:
            return memory
        raise AssertionError("the first was not told")

    memory = store.do(first)
    kept = store.do(lambda ledger: ledger.begin(3))
    assert kept.intents == memory.intents


def test_a_ledger_that_cannot_be_read_is_not_begun_on(store: ConfigMap) -> None:
    path = store.place.path("configmaps", ledger_content.NAME, group="v1")
    store.do(lambda ledger: ledger.begin(1))
    store.place.plane.admin.merge(path, {"data": {"plan-0": "{"}})
    with pytest.raises(LedgerUnavailableError, match="cannot be read"):
        store.do(lambda ledger: ledger.begin(2))


def test_a_ledger_that_is_full_refuses_and_says_so(
    store: ConfigMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_content, "BYTES_MAX", 500)

    async def act(ledger: ActionLedger) -> None:
        await ledger.begin(1)
        with pytest.raises(LedgerUnavailableError, match="too many actions"):
            await ledger.keep(INPUTS, BEGUN)

    store.do(act)


def test_what_is_over_and_old_is_let_go(store: ConfigMap) -> None:
    async def act(ledger: ActionLedger) -> None:
        await ledger.begin(1)
        await ledger.keep(INPUTS, BEGUN)
        await ledger.settle(replace(APPLIED, status="refused"))
        assert isinstance(ledger, ObjectLedger)
        ledger._now_unix_ns = lambda: NOW + int(86_401e9)
        await ledger.settle(replace(APPLIED, status="refused"))

    store.do(act)
    assert store.do(lambda ledger: ledger.begin(2)).intents == ()
