"""What people said holds until it is over, also through a start of ours."""

from pathlib import Path

from healing.cluster.kube.ledger_content import orders_in_force
from healing.orders import obeyed
from healing.recover import recover
from healing.settings import HealingSettings
from healing.state import HealingState
from knowledge.journal import Journal
from knowledge.orders import Approval, Order, Pause, Resume
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import WindowTables

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS


def _pause(name: str, seconds: float | None = None) -> Pause:
    return Pause(
        id=name,
        namespace="shop",
        workload="",
        reason="hands off",
        by="ada",
        given_unix_ns=NOW,
        expires_unix_ns=None if seconds is None else NOW + int(seconds * SECOND_NS),
    )


def _approval(at_s: float = 0) -> Approval:
    return Approval(digest="d" * 16, by="ada", given_unix_ns=NOW + int(at_s * SECOND_NS))


def _after(*orders: Order, seconds: float = 0) -> HealingState:
    now = NOW + int(seconds * SECOND_NS)
    return obeyed(HealingState(), orders, approval_expiry_s=600.0, now_unix_ns=now)


def test_a_pause_ends_by_itself_or_by_a_word() -> None:
    assert [p.id for p in _after(_pause("a", 60), _pause("b"), seconds=59).pauses] == ["a", "b"]
    assert [p.id for p in _after(_pause("a", 60), _pause("b"), seconds=60).pauses] == ["b"]
    resume = Resume(id="b", by="ada", given_unix_ns=NOW)
    assert _after(_pause("a"), _pause("b"), resume).pauses == (_pause("a"),)


def test_a_successor_is_told_of_each_pause_that_holds_and_of_no_other() -> None:
    lasting, short = _pause("lasting"), _pause("short", 10.0)
    others = [
        order
        for number in range(300)
        for order in (_pause(f"p{number}"), Resume(id=f"p{number}", by="ci", given_unix_ns=NOW))
    ]
    issue = Resume(id="issue", by="ada", given_unix_ns=NOW)
    told = orders_in_force((lasting, short, _approval(), *others, issue), NOW + 11 * SECOND_NS)
    assert told == (lasting, issue)


def test_an_approval_waits_for_its_time_and_counts_once() -> None:
    assert _after(_approval(), _approval(1), seconds=2).approvals == (_approval(1),)
    assert _after(_approval(), seconds=599).approvals == (_approval(),)
    assert _after(_approval(), seconds=600).approvals == ()


def test_a_start_of_ours_forgets_no_pause_and_every_approval(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    epoch = journal.begin_epoch(NOW, b"{}")
    orders = (_pause("a", 60), _pause("b"), _approval())
    inputs = TickInputs(
        now_unix_ns=NOW,
        tables=WindowTables.empty(0, 10),
        freshness=(),
        cluster=None,
        outcomes=(),
        is_planning_due=True,
        orders=orders,
        stopped="the file is there",
    )
    outputs = TickOutputs(symptoms=(), issues=(), approved=(), refused=(), intents=(), verdicts=())
    journal.append_tick(epoch, inputs, outputs)
    (tick,) = journal.ticks()
    assert (tick.inputs.orders, tick.inputs.stopped) == (orders, "the file is there")
    assert journal.prune(before_unix_ns=NOW + SECOND_NS) == 0  # what people said is kept
    state = recover(journal.memory(epoch + 1), epoch=2, started_unix_ns=NOW + 61 * SECOND_NS)
    assert [pause.id for pause in state.pauses] == ["b"]
    assert state.approvals == ()


def test_who_must_be_approved_may_write() -> None:
    settings = HealingSettings(
        namespaces={"a": "approve", "b": "suggest", "c": "auto"}, actions={"restart": "approve"}
    )
    assert [settings.may_write(name, "scale") for name in "abcd"] == [True, False, True, False]
    assert settings.mode_for("c", "restart") == "approve"
