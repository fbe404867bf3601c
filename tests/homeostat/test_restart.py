"""An issue that was firing when we stopped is the same issue when we start again."""

from dataclasses import replace
from pathlib import Path

from homeostat.core import beginning
from knowledge.identity import ServiceKey
from knowledge.issues import Issue
from knowledge.journal import Journal
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import WindowTables

S = 10**9
ISSUE = Issue(
    id="issue-shop-web-1",
    kind="ServiceFailure",
    state="firing",
    severity="warning",
    service=ServiceKey(namespace="shop", name="web"),
    opened_unix_ns=1,
    fired_unix_ns=2,
    resolved_unix_ns=None,
    healthy_since_unix_ns=None,
    seen_unix_ns=2,
    symptoms=(),
    finding="no cause in view",
    causes=(),
)


def test_firing_issues_go_on_and_others_do_not(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    epoch = journal.begin_epoch(1, b"{}")
    inputs = TickInputs(
        now_unix_ns=3,
        tables=WindowTables.empty(0, 3),
        freshness=(),
        cluster=None,
        outcomes=(),
        is_planning_due=False,
    )
    pending = replace(ISSUE, id="pending", state="pending")
    resolved = replace(ISSUE, id="resolved", state="resolved")
    outputs = TickOutputs(
        symptoms=(),
        issues=(ISSUE, pending, resolved),
        approved=(),
        refused=(),
        intents=(),
        verdicts=(),
    )
    journal.append_tick(epoch, inputs, outputs)
    after = journal.begin_epoch(5, b"{}")
    state = beginning(journal.memory(after), epoch=after, started_unix_ns=5)
    journal.close()
    assert state.analysis.issues == (ISSUE,)
