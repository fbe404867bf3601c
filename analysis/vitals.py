"""What is watched of services beside their requests: do they speak, what do they use, user's rules.

Detectors of requests read one window; these remember, because absence, usage and leaks show only
over time. All that they remember is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.detectors.absence import Presences, detect_absence
from analysis.detectors.memory import Leaks, detect_leaks, remember
from analysis.detectors.resources import Strains, detect_usage, used
from analysis.rules import Holds, detect_custom
from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Symptom
from knowledge.windows import WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What one look leaves for the next."""

    presences: Presences = field(default_factory=Presences)
    strains: Strains = field(default_factory=dict)
    leaks: Leaks = field(default_factory=Leaks)
    holds: Holds = field(default_factory=dict)


def look(
    vitals: Vitals,
    tables: WindowTables,
    cluster: ClusterReport | None,
    workloads: Mapping[ServiceKey, WorkloadKey],
    settings: AnalysisSettings,
    *,
    now_unix_ns: int,
) -> tuple[Vitals, tuple[Symptom, ...]]:
    """Look once; symptoms of all kinds that remember."""
    presences, down = detect_absence(
        vitals.presences.after(tables),
        tables.end_unix_ns,
        cluster,
        workloads,
        settings,
        now_unix_ns=now_unix_ns,
    )
    strains, strained = detect_usage(used(tables, cluster, workloads), vitals.strains, settings)
    leaks, leaking = detect_leaks(
        remember(vitals.leaks, tables, cluster, workloads, settings), settings
    )
    holds, custom = detect_custom(settings.rules, vitals.holds, tables, now_unix_ns=now_unix_ns)
    after = Vitals(presences=presences, strains=strains, leaks=leaks, holds=holds)
    return after, (*down, *strained, *leaking, *custom)
