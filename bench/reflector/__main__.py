"""`make bench-reflector`: our copy of 5,000 pods on a genuine API server, beside the client's own.

Starts a control plane, creates pods padded to 8 kB, and lets a fresh process measure each: the
first full list, the memory that the copies take, how long the event loop stands still meanwhile and
under a storm of changes, and how many requests a second it costs, also where all of them fail.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from bench.reflector.owners import owned
from tests.parts.control_plane import ControlPlane
from tests.parts.kube import Kube, KubeError
from tests.parts.recipes import KUBERNETES

PAD: Final = 6_600
"""With what the server itself adds, a pod comes to 8 kB."""
NAMESPACES: Final = 10
WORKLOADS: Final = 500


def main() -> None:
    """Measure, print, and leave out/reflector.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=5_000)
    parser.add_argument("--steady-s", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plane = ControlPlane(Path(folder))
        try:
            # no controllers: nothing but us moves what is measured
            plane.start_api("--disable-admission-plugins=ServiceAccount")
            create(plane, options.pods)
            nobody = plane.write_kubeconfig(plane.user("nobody"), "nobody")
            found = {
                "machine": f"{platform.machine()}, {platform.python_version()}",
                "kubernetes": KUBERNETES.version,
                "pods": options.pods,
                "ours": measured("ours", plane.kubeconfig),
                "client": measured("client", plane.kubeconfig),
                "ours_again": measured("ours", plane.kubeconfig),
                "steady": measured("steady", plane.kubeconfig, options.steady_s),
                "forbidden": measured("steady", nobody, options.steady_s),
                "storm": stormed(plane),
            }
        finally:
            plane.stop()
    print(json.dumps(found, indent=2))
    out = Path("out/reflector.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=2))


def create(plane: ControlPlane, count: int) -> None:
    """Create pods that nobody schedules."""
    began_s = time.monotonic()
    for index in range(NAMESPACES):
        name = {"metadata": {"name": f"bench-{index}"}}
        plane.admin.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", **name})
    with ThreadPoolExecutor(8) as pool:
        owners = list(pool.map(lambda index: owned(plane.admin, index), range(WORKLOADS)))
        made = pool.map(lambda i: _pod(plane.admin, i, owners[i % WORKLOADS]), range(count))
        print(
            f"{len(list(made))} pods created in {time.monotonic() - began_s:.0f} s", file=sys.stderr
        )


def _pod(admin: Kube, index: int, owner: dict[str, Any]) -> None:
    env = [{"name": f"VALUE_{n}", "value": "x" * (PAD // 60 - 35)} for n in range(60)]
    container = {
        "name": "app",
        "image": "registry.example/app:1.0.0",
        "env": env,
        "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
    }
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{index}",
            "labels": {"app": f"app-{index % WORKLOADS}"},
            "ownerReferences": [owner],
        },
        "spec": {"schedulerName": "nobody", "containers": [container]},
    }
    path = f"/api/v1/namespaces/bench-{index % NAMESPACES}/pods"
    for _ in range(20):
        try:
            admin.create(path, body)
        except (OSError, KubeError):  # a namespace's account takes a moment to be made
            time.sleep(0.5)
        else:
            return
    raise SystemExit(f"pod {index} could not be created")


def measured(what: str, kubeconfig: Path, seconds: float = 0.0) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "bench.reflector.measure", what, kubeconfig, seconds]
    done = subprocess.run([str(word) for word in command], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(what, found, file=sys.stderr)
    return found


def stormed(plane: ControlPlane) -> dict[str, Any]:
    """Measure while labels of pods change as fast as the server takes it."""
    command = [sys.executable, "-m", "bench.reflector.measure", "storm", plane.kubeconfig, "15"]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
    time.sleep(5)

    def change(index: int) -> None:
        path = f"/api/v1/namespaces/bench-{index % NAMESPACES}/pods/pod-{index}"
        plane.admin.merge(path, {"metadata": {"labels": {"seen": str(index)}}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(1_000)))
    output, _ = process.communicate()
    found: dict[str, Any] = json.loads(output)
    print("storm", found, file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
