"""`homeostat replay`: a journal's inputs through the core again, its outputs compared."""

from dataclasses import dataclass, fields
from pathlib import Path

from homeostat.core import CoreSettings, CoreState, beginning, tick
from knowledge.codec import from_json
from knowledge.journal import Journal
from knowledge.memory import Tick
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
    """How many ticks were replayed, and the first difference if there is one.

    `skipped_epochs`: those whose first ticks are no longer kept, so that nothing can be said.
    """

    tick_count: int
    epoch_count: int
    skipped_epochs: tuple[int, ...]
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
    whole: dict[int, bool] = {}
    state, count = CoreState(), 0
    settings: CoreSettings | None = None
    difference: Difference | None = None
    for recorded in journal.ticks():
        epoch = recorded.epoch
        if epoch not in whole:
            whole[epoch] = journal.is_whole(epoch)
            settings = from_json(CoreSettings, journal.settings_of(epoch))
            state = _begun(journal, epoch, state)
        if not whole[epoch]:
            continue
        assert settings is not None
        state, outputs = tick(state, recorded.inputs, settings)
        count += 1
        if outputs != recorded.outputs:
            difference = _difference(recorded, outputs)
            break
    return Replayed(
        tick_count=count,
        epoch_count=sum(whole.values()),
        skipped_epochs=tuple(epoch for epoch, is_whole in whole.items() if not is_whole),
        difference=difference,
    )


def _begun(journal: Journal, epoch: int, before: CoreState) -> CoreState:
    """What an epoch began with; one that took over went on with its own analysis."""
    started = journal.started_unix_ns(epoch)
    taken = journal.takeover_of(epoch)
    if taken is None:
        return beginning(journal.memory(epoch), epoch=epoch, started_unix_ns=started)
    return beginning(taken.memory, epoch=taken.fence, started_unix_ns=started, before=before)


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
