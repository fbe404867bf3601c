"""`make demo-cluster`: the loop on a control plane of its own, told in the terminal.

It starts its own etcd, API server, controllers and KWOK nodes on loopback, with credentials in a
folder that ends with it. No kubeconfig of yours is read, whatever KUBECONFIG says.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from homeostat.demo.processes import DemoError
from homeostat.demo.story import Story
from tests.cluster.story.house import House
from tests.cluster.story.play import FAULTS, Play
from tests.parts import cache
from tests.parts.control_plane import ControlPlane
from tests.parts.process import PartError
from tests.parts.recipes import KUBERNETES, KWOK, OTELCOL


def main() -> int:
    """Play it; 0 only if all was healed and nothing else was touched."""
    parser = argparse.ArgumentParser(prog="make demo-cluster", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the simulated users")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the figures go")
    options = parser.parse_args()
    console = Console()
    missing = [part.name for part in (KUBERNETES, KWOK, OTELCOL) if not cache.is_built(part)]
    if missing:
        console.print(
            f"not built: {', '.join(missing)}. `make parts` builds them once (15 minutes on two "
            "cores); it needs Go, https://go.dev/dl",
            markup=False,
        )
        return 2
    os.environ.pop("KUBECONFIG", None)
    with tempfile.TemporaryDirectory(prefix="homeostat-") as directory:
        try:
            return _play(Path(directory), console, options)
        except (AssertionError, DemoError, PartError) as error:
            console.print(f"demo failed: {error}", markup=False)
            return 1


def _play(folder: Path, console: Console, options: argparse.Namespace) -> int:
    plane = ControlPlane(folder / "plane")
    console.print("starting etcd, API server, controllers, scheduler and two KWOK nodes")
    try:
        plane.start()
        plane.start_nodes()
        console.print(f"API server https://127.0.0.1:{plane.port}   kubeconfig {plane.kubeconfig}")
        console.print("opening the shop: twelve Deployments, an autoscaler, simulated users")
        house = House.open(plane, folder, seed=options.seed)
        try:
            console.print(f"status {house.url}/status")
            story = Story(console, quiet=False)
            with story.running():
                summary = Play(house, story).run(seed=options.seed, faults=FAULTS)
            story.end(summary)
        finally:
            house.close()
    finally:
        plane.stop()
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(summary), indent=2) + "\n"
    (options.out / "demo-cluster.json").write_text(text)
    return 0 if summary.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
