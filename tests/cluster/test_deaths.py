"""kill -9 around writes to a genuine API server: one effect or none, and we know which.

A proxy on the way decides what becomes of each request; who dies is a real process, and who comes
after is the real brain. What took effect is counted in the API server's audit log.
"""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from healing.cluster.kube.names import REVISION
from healing.settings import ACTION_KINDS
from knowledge.cluster import Cluster, WriteOutcome
from knowledge.journal import Journal
from knowledge.plans import RecoveryPlan, Verdict
from tests.cluster import objects
from tests.cluster.autoscalers import autoscaler
from tests.cluster.doomed import ACTIONS, intent_of, journal_tick, plan_of
from tests.cluster.place import Place
from tests.cluster.story.house import status_of
from tests.cluster.test_commands import idle
from tests.cluster.test_rights import only, served
from tests.parts.faulty_proxy import Fate, FaultyProxy
from tests.parts.process import Process, free_port

EXPIRY_S = 20.0
"""And 15 s more in which a late write is looked for: a busy machine must start a brain in that."""
UNSURE = {"open", "unknown"}
FATES: tuple[Fate, ...] = get_args(Fate)
EFFECTS = {"well": 1, "lost": 0, "reply lost": 1, "late": 1, "doubled": 1, "cut": 0}


def _is_begun(place: Place, name: str) -> bool:
    return REVISION in place.get(name)["metadata"]["annotations"]


def deploy(place: Place, names: list[str]) -> None:
    """Deployments on the second of their releases; those of floors under an autoscaler."""
    for name in names:
        place.deploy(objects.deployment(name))
    for name in names:
        place.until(partial(_is_begun, place, name))
        place.release(name, "1.1.0")
    for name in names:
        place.settle(name)
        if name.startswith("floor"):
            path = place.path("horizontalpodautoscalers", group="autoscaling/v2")
            place.plane.admin.create(path, autoscaler(name))


@pytest.fixture
def proxied(place: Place) -> Iterator[Callable[[dict[str, Fate]], tuple[FaultyProxy, Path]]]:
    """Starts a proxy with the fates of intents; returns it, and a kubeconfig that leads to it."""
    started: list[FaultyProxy] = []

    def start(fates: dict[str, Fate]) -> tuple[FaultyProxy, Path]:
        proxy = FaultyProxy(place.plane, fates)
        started.append(proxy)
        proxy.start()
        serving = served(place, only(place, *ACTION_KINDS))
        account = place.plane.account(f"{place.namespace}-own", "homeostat")
        assert serving.kubeconfig is not None
        return proxy, place.plane.write_kubeconfig(account, "proxied", port=proxy.port)

    yield start
    for proxy in started:
        proxy.stop()


def brain(
    folder: Path, place: Place, kubeconfig: Path, *, expiry_s: float = EXPIRY_S
) -> tuple[Process, str]:
    """The real brain, on a journal that is there."""
    web, config = f"127.0.0.1:{free_port()}", folder / "homeostat.yaml"
    tree = {
        "state_dir": str(folder / "state"),
        "status": {"listen": web},
        "knowledge": {"journal": str(folder / "journal.db")},
        "cluster": {"kind": "kubernetes", "kubeconfig": str(kubeconfig)},
        "healing": {"namespaces": {place.namespace: "auto"}, "plan_expiry_s": expiry_s},
        "analysis": {"window_s": 2.0, "pane_s": 1.0, "lateness_s": 0.0},
    }
    config.write_text(yaml.safe_dump(tree))
    command = [sys.executable, "-m", "homeostat", "brain", "--config", str(config)]
    return Process(command, log=folder / "brain.log"), f"http://{web}"


def actions(url: str) -> dict[str, dict[str, Any]]:
    status = status_of(url)
    if status is None:
        return {}
    assert status["halted"] is None, status["halted"]
    return {action["id"]: action for action in status["actions"]}


def effects(place: Place) -> Counter[str]:
    """How often each intent took effect, by the API server's own word."""
    found: Counter[str] = Counter()
    for text in place.plane.audit_log.read_text().splitlines():
        line = json.loads(text)
        if (
            line["objectRef"].get("namespace") == place.namespace
            and line["verb"] == "patch"
            and "fieldManager=homeostat" in line["requestURI"]
            and "dryRun" not in line["requestURI"]
            and line["responseStatus"]["code"] == 200
        ):
            note = line["responseObject"]["metadata"]["annotations"]["homeostat.dev/action"]
            found[json.loads(note)["id"]] += 1
    return found


def wait(place: Place, process: Process, is_true: Callable[[], bool]) -> None:
    def holds() -> bool:
        process.check()
        return is_true()

    place.until(holds, process.tail)


def test_each_action_with_each_fate_of_its_request_takes_effect_once_or_not_at_all(
    place: Place,
    proxied: Callable[[dict[str, Fate]], tuple[FaultyProxy, Path]],
    tmp_path: Path,
) -> None:
    names = {f"{a}-{f.replace(' ', '-')}": f for a, f in product(ACTIONS, FATES)}
    deploy(place, list(names))
    proxy, kubeconfig = proxied({f"act-{name}": fate for name, fate in names.items()})
    command = [sys.executable, "-m", "tests.cluster.doomed", str(kubeconfig)]
    command += [str(tmp_path / "journal.db"), place.namespace]
    writer = Process(command, log=tmp_path / "writer.log")
    held = {f"act-{n}" for n, f in names.items() if f not in {"well", "cut"}}
    told = {f"act-{n}" for n, f in names.items() if f in {"well", "cut"}}

    def is_at_the_point() -> bool:
        lines = writer.log.read_text().splitlines()
        return proxy.held == held and {line.split()[0] for line in lines if line} >= told

    wait(place, writer, is_at_the_point)
    writer.signal(signal.SIGKILL)
    writer.stop()
    before = {name: place.get(name)["metadata"]["generation"] for name in names}
    successor, url = brain(tmp_path, place, kubeconfig)
    wait(place, successor, lambda: status_of(url) is not None)
    assert proxy.let_late() == len(ACTIONS)
    wait(place, successor, lambda: len(actions(url)) == len(names))
    wait(
        place,
        successor,
        lambda: not UNSURE & {action["status"] for action in actions(url).values()},
    )
    found, counted = actions(url), effects(place)
    successor.stop()
    for name, fate in names.items():
        status, count = found[f"act-{name}"]["status"], counted[f"act-{name}"]
        assert count == EFFECTS[fate], (name, status, count)
        assert status == ("applied" if count else "refused"), (name, found[f"act-{name}"])
        if fate != "late" and not name.startswith("floor"):
            assert place.get(name)["metadata"]["generation"] == before[name], name


def test_a_brain_that_dies_again_and_again_takes_each_change_back_once(
    place: Place,
    proxied: Callable[[dict[str, Fate]], tuple[FaultyProxy, Path]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Three undos are open; the brain is killed at the first, its successor at the next, ..."""
    fates: dict[str, Fate] = {"scale": "reply lost", "floor": "doubled", "scale-late": "late"}
    deploy(place, list(fates))
    floors = place.path("horizontalpodautoscalers", "floor", "autoscaling/v2")
    before = {n: place.get(n)["spec"] for n in fates} | {
        "floor": place.plane.admin.get(floors)["spec"]
    }
    place.do(lambda cluster: _act(cluster, place, tmp_path))
    metrics = idle(place)  # fewer pods can do it: without that no undo of a scale-up is made
    request.addfinalizer(metrics.close)
    request.addfinalizer(partial(metrics.unregister, place.plane))
    proxy, kubeconfig = proxied({f"undo-{name}": fate for name, fate in fates.items()})
    for count in range(1, 4):
        victim, _ = brain(tmp_path, place, kubeconfig, expiry_s=120.0)
        wait(place, victim, partial(_has_held, proxy, count))
        victim.signal(signal.SIGKILL)
        victim.stop()
    proxy.heal()
    successor, url = brain(tmp_path, place, kubeconfig, expiry_s=120.0)
    wait(place, successor, lambda: bool(actions(url)))
    proxy.let_late()
    wait(
        place,
        successor,
        lambda: not UNSURE & {action["status"] for action in actions(url).values()},
    )
    found, counted = actions(url), effects(place)
    successor.stop()
    assert {name: counted[f"undo-{name}"] for name in fates} == dict.fromkeys(fates, 1)
    assert {found[f"undo-{name}"]["status"] for name in fates} == {"applied"}
    assert place.get("scale")["spec"] == before["scale"]
    assert place.get("scale-late")["spec"] == before["scale-late"]
    assert place.plane.admin.get(floors)["spec"] == before["floor"]


def _has_held(proxy: FaultyProxy, count: int) -> bool:
    return len(proxy.held) == count


async def _act(cluster: Cluster, place: Place, folder: Path) -> None:
    """Do what is to be taken back, and leave a journal in which the way back is open."""
    report = await cluster.report()
    mine = [w for w in report.workloads if w.key.namespace == place.namespace]
    now = time.time_ns()
    plans: list[RecoveryPlan] = [plan_of(workload, now) for workload in mine]
    done = [
        intent_of(plan, workload, is_undo=False, now=now)
        for plan, workload in zip(plans, mine, strict=True)
    ]
    outcomes: list[WriteOutcome] = [await cluster.write(intent) for intent in done]
    assert {outcome.status for outcome in outcomes} == {"applied"}
    while any(place.workload(report, w.key.name).is_rolling for w in mine):
        report = await cluster.report()
    for workload in mine:
        place.settle(workload.key.name)
    report = await cluster.report()
    now = time.time_ns()
    undos = [
        intent_of(plan, place.workload(report, workload.key.name), is_undo=True, now=now)
        for plan, workload in zip(plans, mine, strict=True)
    ]
    verdicts = tuple(
        Verdict(
            plan_id=plan.id,
            issue_id=plan.issue_id,
            outcome="worse",
            evidence=(),
            decided_unix_ns=now,
        )
        for plan in plans
    )
    journal = Journal.open(folder / "journal.db")
    epoch = journal_tick(journal, report, tuple(plans), tuple(done))
    for outcome in outcomes:
        journal.append_write(epoch, outcome)
    journal_tick(journal, report, (), tuple(undos), verdicts)
    journal.close()
