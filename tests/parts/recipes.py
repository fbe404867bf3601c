"""The real programs that tests run against, and how each is built from the Go module proxy or npm.

A part has a folder beside this file with its `go.mod` and `go.sum`, or its `package.json` and
`package-lock.json`; they pin everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. `binaries`: file name to Go package; none for one of npm.

    `prepare`: commands run in a copy of the folder before the build: they generate sources.
    """

    name: str
    version: str
    binaries: Mapping[str, str]
    ldflags: str = "-s -w"
    prepare: tuple[tuple[str, ...], ...] = ()

    @property
    def tool(self) -> str:
        """The program that builds it."""
        return "go" if self.binaries else "npm"

    @property
    def folder(self) -> Path:
        """The recipe's own files."""
        return HERE / self.name


KUBERNETES: Final = Part(
    name="kubernetes",
    version="1.37.2",
    binaries={
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    },
    # without it /version says v0.0.0-master
    ldflags="-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2",
)
KWOK: Final = Part(name="kwok", version="0.8.0", binaries={"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
CONTRIB: Final = "github.com/open-telemetry/opentelemetry-collector-contrib"
OTELCOL: Final = Part(
    name="otelcol",
    version="0.155.0",
    binaries={
        "otelcol": ".",
        "telemetrygen": f"{CONTRIB}/cmd/telemetrygen",
    },
    prepare=(
        (
            *("go", "tool", "builder", "--config", "builder.yaml"),
            *("--skip-get-modules", "--skip-compilation"),
        ),
    ),
)
SENDER_GO: Final = Part(name="sender-go", version="1.44.0", binaries={"sender": "."})
SENDER_JS: Final = Part(name="sender-js", version="2.12.1", binaries={})
PARTS: Final[Mapping[str, Part]] = {
    part.name: part for part in (KUBERNETES, KWOK, OTELCOL, SENDER_GO, SENDER_JS)
}
