"""Commands about a cluster: `homeostat rbac`, `doctor` and `unwind`."""

import asyncio
import sqlite3
import sys
import time
from dataclasses import replace

import yaml
from rich.console import Console
from rich.table import Table

from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.admission import policy
from healing.cluster.kube.api import Api, ApiSettingsError
from healing.cluster.kube.rbac import manifests
from healing.cluster.kube.unwind import InForce, in_force, unwind, why_not_by_itself
from healing.doctor import Finding, examine
from homeostat.emergency_stop import EmergencyStop
from homeostat.settings import Settings
from knowledge.cluster import (
    ClusterReport,
    ClusterUnavailableError,
    WriteIntent,
    WriteOutcome,
)
from knowledge.journal import Journal, JournalError

EXIT_FAILED = 1


def print_rbac(settings: Settings) -> int:
    """Print the least rights that these settings need, as YAML to be applied."""
    namespace = settings.cluster.home or "homeostat"
    sys.stdout.write(
        yaml.safe_dump_all(manifests(settings.healing, own_namespace=namespace), sort_keys=False)
    )
    return 0


def print_admission(settings: Settings) -> int:
    """Print the policy that keeps our account within its bounds, as YAML to be applied."""
    made = policy(
        settings.healing,
        own_namespace=settings.cluster.home or "homeostat",
        replicas_max=settings.cluster.replicas_max,
    )
    sys.stdout.write(yaml.safe_dump_all(made, sort_keys=False, width=100))
    return 0


def examine_cluster(settings: Settings) -> int:
    """Print what could be done to each workload, and why not."""
    try:
        findings = asyncio.run(_examined(settings))
    except ClusterUnavailableError as error:
        sys.stderr.write(f"the cluster does not answer: {error}\n")
        return EXIT_FAILED
    table = Table("workload", "action", "could be done", "why not")
    for finding in findings:
        could = "yes" if finding.reason is None else "no"
        table.add_row(str(finding.workload.key), finding.kind, could, finding.reason or "")
    Console().print(table)
    return 0


def unwind_cluster(settings: Settings, *, only_expired: bool) -> int:
    """Take back what is in force, or what should not be any more; 0 only if all of it was."""
    try:
        held, outcomes = asyncio.run(_unwound(settings, only_expired=only_expired))
    except (ClusterUnavailableError, ApiSettingsError) as error:
        sys.stderr.write(f"the cluster does not answer: {error}\n")
        return EXIT_FAILED
    told = {outcome.intent_id: outcome for outcome in outcomes}
    for each in held:
        outcome = told.get(each.undo.id) if each.undo else None
        came = f": {outcome.status} {outcome.reason}".rstrip() if outcome else ""
        sys.stdout.write(f"{each.workload}: {each.text}{came}\n")
    if not held:
        over = " beyond its time" if only_expired else ""
        sys.stdout.write(f"nothing is in force{over}\n")
    return 0 if all(outcome.status == "applied" for outcome in outcomes) else EXIT_FAILED


async def _examined(settings: Settings) -> tuple[Finding, ...]:
    cluster = KubernetesCluster(settings.cluster.for_kubernetes(), now_unix_ns=time.time_ns)
    try:
        return examine(await cluster.report(), settings.healing)
    finally:
        await cluster.close()


async def _unwound(
    settings: Settings, *, only_expired: bool
) -> tuple[tuple[InForce, ...], tuple[WriteOutcome, ...]]:
    section = settings.cluster
    api = await Api.connect(kubeconfig=section.kubeconfig, context=section.context)
    # the way out works at once: that rights are too wide is no reason not to take back
    reach = replace(section.for_kubernetes(), guards_rights=False)
    cluster = KubernetesCluster(reach, now_unix_ns=time.time_ns)
    stop = EmergencyStop.of(settings)

    def forbids(intent: WriteIntent, report: ClusterReport) -> str | None:
        if (stopped := stop.reason()) is not None or not only_expired:
            return stopped
        return why_not_by_itself(intent, report, settings.healing, now_unix_ns=time.time_ns())

    journal = _journal(settings)

    def note(told: WriteIntent | WriteOutcome) -> None:
        if journal is None:
            return
        try:
            journal.append_unwound(time.time_ns(), told)
        except sqlite3.Error as error:  # the way out does not end at a full disk
            sys.stderr.write(f"not journaled: {error}\n")

    try:
        held = await in_force(
            api, await cluster.report(), now_unix_ns=time.time_ns(), only_expired=only_expired
        )
        done = await unwind(cluster, held, now_unix_ns=time.time_ns, forbids=forbids, note=note)
        return held, done
    finally:
        await cluster.close()
        await api.close()
        if journal is not None:
            journal.close()


def _journal(settings: Settings) -> Journal | None:
    """The service's own journal; the way out works without it, and says that it keeps no record."""
    try:
        return Journal.open(settings.knowledge.journal)
    except JournalError as error:
        sys.stderr.write(f"what is taken back is not journaled: {error}\n")
        return None
