"""Pictures of the bench: load, replicas and violations over time, and the Pareto curve."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt


def draw_run(path: Path, trace: str, drawn: dict[str, dict[str, Any]]) -> None:
    """Draw the load and, below it, what each policy had and where it was late."""
    figure, axes = plt.subplots(len(drawn) + 1, 1, sharex=True, figsize=(14, 2 * len(drawn) + 2))
    first = next(iter(drawn.values()))
    hours = [minute / 60 for minute in range(len(first["rate"]))]
    axes[0].plot(hours, first["rate"], linewidth=0.6)
    axes[0].set_title(f"{trace}: requests a second")
    for axis, (policy, picture) in zip(axes[1:], drawn.items(), strict=True):
        axis.plot(hours, picture["replicas"], linewidth=0.7)
        axis.fill_between(hours, picture["late"], color="tab:red", alpha=0.5, step="mid")
        axis.set_title(f"{policy}: replicas; red: seconds of each minute in violation", fontsize=9)
    axes[-1].set_xlabel("hours")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def draw_pareto(path: Path, trace: str, table: dict[str, dict[str, float]]) -> None:
    """Draw violations over replica-hours, one curve per policy."""
    figure, axis = plt.subplots(figsize=(9, 6))
    curves: dict[str, list[tuple[float, float]]] = {}
    for key, figures in table.items():
        point = figures["replica_hours"], figures["slo_violation_s"]
        curves.setdefault(key.split("@")[0], []).append(point)
    for policy, points in curves.items():
        ordered = sorted(points)
        axis.plot([p[0] for p in ordered], [p[1] for p in ordered], marker="o", label=policy)
    axis.set_xlabel("replica-hours")
    axis.set_ylabel("seconds in violation of the SLO")
    axis.set_title(trace)
    axis.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
