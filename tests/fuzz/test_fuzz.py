"""A short run of what `python -m tests.fuzz.run` does at length, and the hostile corpus."""

import pytest

from knowledge.schemas import SIGNALS, Signal
from receiver.decode import decode
from receiver.refusal import Refusal
from tests.conformance import payload
from tests.fuzz.corpus import hostile
from tests.fuzz.run import EXPECTED, try_batch, try_json


@pytest.mark.parametrize("signal", SIGNALS)
def test_hostile_requests_are_kept_or_refused_and_cost_no_neighbour_anything(
    signal: Signal,
) -> None:
    honest = payload.of(signal).SerializeToString()
    for name, body in hostile(signal):
        outcome, neighbour = decode(signal, [body, honest], items_max=10_000).outcomes
        assert neighbour == {}, name
        if isinstance(outcome, Refusal):
            assert outcome.reason in EXPECTED, (name, outcome)


@pytest.mark.parametrize("signal", SIGNALS)
def test_mutated_requests_are_kept_or_refused(signal: Signal) -> None:
    for seed in range(15):
        try_batch(signal, seed)
        try_json(signal, seed)
