"""Two replicas on one API server, as real processes: who writes, and who takes over."""

import asyncio
import json
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from healing.cluster.kube.replicas import replicated
from healing.cluster.kube.settings import KubernetesSettings
from knowledge.memory import Memory
from tests.cluster.place import Place
from tests.parts.process import Process, free_port

TAKEOVER_S = 20.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stage:
    """A place with a target, and a namespace that two replicas call their own."""

    place: Place
    home: str
    folder: Path
    kubeconfig: Path

    def lease(self) -> dict[str, Any]:
        """What the record says."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases/homeostat"
        spec: dict[str, Any] = self.place.plane.admin.get(path)["spec"]
        return spec

    def writer(self, point: str) -> Process:
        """A leader that stops itself around its write, if that is its point."""
        arguments = (str(self.kubeconfig), self.place.namespace, self.home, point)
        command = (sys.executable, ROOT / "tests/cluster/writer.py", *arguments)
        environ = {"PYTHONPATH": str(ROOT)}
        writer = Process(command, log=self.folder / "writer.log", environ=environ)
        seen = "stopping" if point in {"before", "after"} else "leader"
        return writer.wait_until(lambda: seen in writer.log.read_text())

    def succeed(self, *, off_s: float = 0.0) -> tuple[Memory, float]:
        """Take over as another replica does; return what it goes on with, and how long it took.

        `off_s`: how wrong its wall clock is.
        """

        def now_unix_ns() -> int:
            return time.time_ns() + int(off_s * 1e9)

        async def run() -> tuple[Memory, float]:
            kubeconfig = self.place.plane.kubeconfig
            settings = KubernetesSettings(kubeconfig=kubeconfig, own_namespace=self.home)
            parts = replicated(settings, namespace=self.home, now_unix_ns=now_unix_ns)
            leadership, began_s = parts.succession.leadership, time.monotonic()
            lease = asyncio.create_task(leadership.run())
            try:
                while leadership.epoch() is None:
                    await asyncio.sleep(0.05)
                took_s = time.monotonic() - began_s
                epoch = leadership.epoch()
                assert epoch is not None
                memory = await parts.succession.take_over(epoch, now_unix_ns=now_unix_ns())
                await leadership.give_up()
                return memory, took_s
            finally:
                lease.cancel()
                await asyncio.gather(lease, return_exceptions=True)
                await parts.cluster.close()
                await parts.api.close()
                await asyncio.sleep(0.2)  # TLS connections take so long to be gone

        return asyncio.run(run())


@dataclass(frozen=True)
class Brains:
    """Two whole brains, each with its own journal and page."""

    processes: tuple[Process, Process]
    urls: tuple[str, str]

    def roles(self) -> tuple[str, str]:
        first, second = (str((status(url) or {}).get("role")) for url in self.urls)
        return first, second

    def wait_for(self, *roles: str) -> float:
        began_s = time.monotonic()
        while sorted(self.roles()) != sorted(roles):
            assert time.monotonic() < began_s + 40, (roles, self.roles())
            time.sleep(0.1)
        return time.monotonic() - began_s

    def epoch(self) -> int:
        return max(int((status(url) or {}).get("epoch", 0)) for url in self.urls)


def started(stage: Stage, kubeconfigs: tuple[Path, Path]) -> "Brains":
    """Two whole brains in the place, each by the way of its own kubeconfig."""
    processes, urls = [], []
    for name, kubeconfig in zip(("one", "two"), kubeconfigs, strict=True):
        web = f"127.0.0.1:{free_port()}"
        path = stage.folder / f"{name}.yaml"
        cluster = {
            "kind": "kubernetes",
            "kubeconfig": str(kubeconfig),
            "own_namespace": stage.home,
            "lease": True,
        }
        settings = {
            "state_dir": str(stage.folder / name),
            "status": {"listen": web},
            "knowledge": {"journal": str(stage.folder / f"{name}.db")},
            "cluster": cluster,
            "healing": {"namespaces": {stage.place.namespace: "auto"}},
            "analysis": {"window_s": 2.0, "pane_s": 1.0, "lateness_s": 0.0},
        }
        path.write_text(yaml.safe_dump(settings))
        command = (sys.executable, "-m", "homeostat", "brain", "--config", str(path))
        processes.append(Process(command, log=stage.folder / f"{name}.log"))
        urls.append(f"http://{web}/status")
    return Brains((processes[0], processes[1]), (urls[0], urls[1]))


def status(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None
