"""The programs of the story: the service, the Collector before it, the twin that sends."""

import json
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from homeostat.demo.processes import SocketClient
from tests.cluster.place import Place
from tests.cluster.story.kubelets import Kubelets
from tests.cluster.story.shop import OWN, engage, open_shop
from tests.parts.collector import Collector
from tests.parts.control_plane import ControlPlane
from tests.parts.metrics_api import MetricsApi
from tests.parts.process import Process, free_port

RELEASE_AGE_S: Final = 75.0
"""A story has no patience: what is older than this counts as a release of long ago."""


def settings_of(kubeconfig: Path, folder: Path, *, otlp: str, web: str) -> dict[str, Any]:
    """The service's settings: short windows, healing on in the shop, the wall's clock."""
    return {
        "state_dir": str(folder / "state"),
        "receiver": {"grpc": {"listen": otlp}, "http": {"listen": "127.0.0.1:0"}},
        "status": {"listen": web},
        "knowledge": {"journal": str(folder / "journal.db")},
        "cluster": {
            "kind": "kubernetes",
            "kubeconfig": str(kubeconfig),
            "own_namespace": OWN,
            "usage_s": 2.0,
        },
        "analysis": {
            "window_s": 15.0,
            "pane_s": 2.5,
            "lateness_s": 1.5,
            "lookback_s": 5.0,
            "change_retention_s": RELEASE_AGE_S,
        },
        "healing": {
            "namespaces": {"shop": "auto"},
            "planning_s": 2.5,
            "starting_s": 10.0,
            "release_age_s_max": RELEASE_AGE_S,
            "namespace_count_max": 10,
            "blast_count_min": 5,
        },
    }


@dataclass(kw_only=True)
class House:
    """All that runs beside the control plane, from `open` to `close`."""

    place: Place
    kubelets: Kubelets
    metrics: MetricsApi
    twin: SocketClient
    processes: tuple[Process, ...]
    url: str
    journal: Path

    @classmethod
    def open(cls, plane: ControlPlane, folder: Path, *, seed: int) -> Self:
        """Open the shop, start everything, and let the twin follow."""
        place = open_shop(plane)
        kubeconfig = plane.write_kubeconfig(engage(plane), OWN)
        otlp, web = (f"127.0.0.1:{free_port()}" for _ in range(2))
        config = folder / "homeostat.yaml"
        config.write_text(yaml.safe_dump(settings_of(kubeconfig, folder, otlp=otlp, web=web)))
        service = _homeostat(folder, "run", "--config", config)
        url = f"http://{web}"
        service.wait_until(lambda: status_of(url) is not None)
        collector = Collector.start(otlp, folder)
        control = folder / "twin.sock"
        twin = _homeostat(
            folder,
            *("twin", "--mirror", "--otlp", f"127.0.0.1:{collector.port}", "--seed", seed),
            *("--control-socket", control, "--start-unix-ns", time.time_ns()),
        )
        twin.wait_until(control.exists)
        metrics = MetricsApi.register(plane)
        kubelets = Kubelets(place, SocketClient(control, timeout_s=30.0), metrics)
        kubelets.start()
        return cls(
            place=place,
            kubelets=kubelets,
            metrics=metrics,
            twin=SocketClient(control, timeout_s=30.0),
            processes=(service, collector.process, twin),
            url=url,
            journal=folder / "journal.db",
        )

    def check(self) -> None:
        """Raise if anything ended."""
        self.place.plane.check()
        for process in self.processes:
            process.check()
        self.kubelets.check()

    def status(self) -> dict[str, Any]:
        """What the service says now."""
        self.check()
        found = status_of(self.url)
        assert found is not None, f"{self.url} does not answer"
        assert found["halted"] is None, found["halted"]
        return found

    def close(self) -> None:
        """End everything but the control plane."""
        self.kubelets.stop()
        self.twin.close()
        for process in self.processes:
            process.stop()
        self.metrics.unregister(self.place.plane)
        self.metrics.close()


def status_of(url: str) -> dict[str, Any] | None:
    """Return /status, None while nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/status", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return None


def _homeostat(folder: Path, *arguments: object) -> Process:
    command = [sys.executable, "-P", "-m", "homeostat", *map(str, arguments)]
    return Process(command, log=folder / f"homeostat-{arguments[0]}.log")
