"""`homeostat replay`: a journal's inputs through the core again, its outputs compared."""

from dataclasses import dataclass, fields
from pathlib import Path

from healing.recover import recover
from homeostat.core import CoreSettings, CoreState, tick
from knowledge.codec import from_json
from knowledge.journal import Journal, Tick
from knowledge.ticks import TickOutputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first place where the core concludes something else than it once did."""

    seq: int
    epoch: int
    now_unix_ns: int
    field: str
    journaled: str
    replayed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many ticks were replayed, and the first difference if there is one."""

    tick_count: int
    epoch_count: int
    difference: Difference | None


def replay(path: Path) -> Replayed:
    """Replay all epochs of a journal.

    Raises:
        JournalError: the file cannot be read as a journal.
    """
    journal = Journal.open(path, read_only=True)
    try:
        return _replay(journal)
    finally:
        journal.close()


def _replay(journal: Journal) -> Replayed:
    epochs: set[int] = set()
    state, count = CoreState(), 0
    settings: CoreSettings | None = None
    for recorded in journal.ticks():
        if settings is None or recorded.epoch not in epochs:
            epochs.add(recorded.epoch)
            settings = from_json(CoreSettings, journal.settings_of(recorded.epoch))
            memory = journal.memory(recorded.epoch)
            state = CoreState(healing=recover(memory, epoch=recorded.epoch))
        state, outputs = tick(state, recorded.inputs, settings)
        count += 1
        if outputs != recorded.outputs:
            difference = _difference(recorded, outputs)
            return Replayed(tick_count=count, epoch_count=len(epochs), difference=difference)
    return Replayed(tick_count=count, epoch_count=len(epochs), difference=None)


def _difference(recorded: Tick, outputs: TickOutputs) -> Difference:
    for field in fields(TickOutputs):
        was, now = getattr(recorded.outputs, field.name), getattr(outputs, field.name)
        if was != now:
            break
    pairs = zip((*was, None), (*now, None), strict=False)
    one, other = next((a, b) for a, b in pairs if a != b)
    return Difference(
        seq=recorded.seq,
        epoch=recorded.epoch,
        now_unix_ns=recorded.inputs.now_unix_ns,
        field=field.name,
        journaled=repr(one),
        replayed=repr(other),
    )
