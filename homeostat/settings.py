"""The one settings file: sections named like the packages, each value overridable by environment.

`homeostat.yaml`, then `HOMEOSTAT_RECEIVER__GRPC__LISTEN` style variables on top. Everything is
checked before any socket opens; what is wrong is named with its key, its value and what was wanted.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from analysis.settings import AnalysisSettings
from healing.cluster.kube.settings import KubernetesSettings
from healing.settings import HealingSettings
from homeostat.receiver_section import ReceiverSection
from homeostat.section import Address, Section
from receiver.settings import ReceiverSettings

ENV_PREFIX: Final = "HOMEOSTAT_"
POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the name of its own namespace."""
SERVICE_LINK: Final = re.compile(
    r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
)
"""What Kubernetes puts into each container for a Service that is called homeostat: not for us.
https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""


class SettingsError(Exception):
    """The settings cannot be used; the text has one line per mistake."""


class ClusterSection(Section):
    """Which cluster is healed: none, one behind a local socket (the twin's), or Kubernetes."""

    kind: Literal["none", "socket", "kubernetes"] = "none"
    socket: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    own_namespace: str | None = None
    replicas_max: int = Field(default=10, ge=2)
    usage_s: float = Field(default=15.0, gt=0)
    probe_s: float = Field(default=10.0, ge=0)
    guard_rights: bool | None = None
    lease: bool | None = None
    lease_s: float = Field(default=13.0, ge=12.5, le=15.0)

    @property
    def is_leased(self) -> bool:
        """Whether a lease decides which of several replicas may write."""
        is_inside = self.kind == "kubernetes" and self.kubeconfig is None
        return is_inside if self.lease is None else self.lease

    @property
    def home(self) -> str | None:
        """The namespace that Homeostat itself runs in; None outside of a cluster."""
        if self.own_namespace or self.kubeconfig or not POD_NAMESPACE.is_file():
            return self.own_namespace
        return POD_NAMESPACE.read_text().strip() or None

    @model_validator(mode="after")
    def _lease_placed(self) -> "ClusterSection":
        if self.lease and self.kind != "kubernetes":
            raise ValueError(f"lease is true, kind is {self.kind}: expected kubernetes")
        if self.lease and self.kubeconfig and not self.own_namespace:
            raise ValueError(
                "lease is true: expected own_namespace beside it, for lease and ledger"
            )
        return self

    @model_validator(mode="after")
    def _socket_named(self) -> "ClusterSection":
        if self.kind == "socket" and self.socket is None:
            raise ValueError("kind is socket: expected the path of the socket beside it")
        return self

    def for_kubernetes(self, namespaces: Iterable[str] = ()) -> KubernetesSettings:
        """The settings of the adapter; `namespaces` are those that healing is on for."""
        guards = self.kubeconfig is None if self.guard_rights is None else self.guard_rights
        return KubernetesSettings(
            kubeconfig=self.kubeconfig,
            context=self.context,
            own_namespace=self.home,
            lease_s=self.lease_s,
            probe_s=self.probe_s,
            guards_rights=guards,
            guarded_namespaces=(*namespaces, *([self.home] if self.home else [])),
            replicas_max=self.replicas_max,
            usage_s=self.usage_s,
        )


class ClockSection(Section):
    """Whose time it is: the wall's, or that of a driver (demo, replay, benchmarks)."""

    kind: Literal["wall", "driven"] = "wall"
    start_unix_ns: int = Field(default=0, ge=0)


class StatusSection(Section):
    """The status surface."""

    listen: Address = "127.0.0.1:8080"
    token_file: Path | None = None


class KnowledgeSection(Section):
    """The memory."""

    journal: Path = Path("homeostat-journal.db")
    journal_retention_s: float = Field(default=7 * 86_400.0, gt=0)


class Settings(Section):
    """All settings. `state_dir` holds the local sockets between our own processes."""

    state_dir: Path = Path("homeostat-state")
    receiver: ReceiverSection = ReceiverSection()
    analysis: AnalysisSettings = AnalysisSettings()
    healing: HealingSettings = HealingSettings()
    cluster: ClusterSection = ClusterSection()
    clock: ClockSection = ClockSection()
    status: StatusSection = StatusSection()
    knowledge: KnowledgeSection = KnowledgeSection()

    @model_validator(mode="after")
    def _balanced_in_real_time(self) -> "Settings":
        if self.healing.traffic.pools and self.clock.kind == "driven":
            raise ValueError(
                "healing.traffic.pools: proxies live in real time: clock.kind is driven"
            )
        return self

    @property
    def frames_socket(self) -> Path:
        """Where the brain takes frames."""
        return self.state_dir / "frames.sock"

    @property
    def stop_file(self) -> Path:
        """While this is there nothing is written to the cluster."""
        return Path(self.healing.stop_file or self.state_dir / "stop")

    @property
    def token_file(self) -> Path:
        """Holds the token that orders need."""
        return self.status.token_file or self.state_dir / "token"

    @property
    def clock_socket(self) -> Path:
        """Where a driver advances the clock."""
        return self.state_dir / "clock.sock"

    @property
    def wal_folder(self) -> Path:
        """Where the receivers' log lies."""
        return self.receiver.wal.folder or self.state_dir / "wal"

    def for_receiver(self) -> ReceiverSettings:
        """The settings of a receiver process."""
        section = self.receiver
        return ReceiverSettings(
            brain_socket=str(self.frames_socket),
            grpc_listen=section.grpc.listen,
            http_listen=section.http.listen,
            http_cors_origins=tuple(section.http.cors_origins),
            tls_cert_file=_text(section.tls.cert_file),
            tls_key_file=_text(section.tls.key_file),
            tls_client_ca_file=_text(section.tls.client_ca_file),
            principals_file=_text(section.principals_file),
            grpc_connections_max=section.connections_max,
            http_connections_max=section.connections_max,
            grpc_streams_max=section.streams_max,
            connection_age_max_s=section.connection_age_max_s,
            max_message_bytes=section.max_message_bytes,
            items_per_request_max=section.items_per_request_max,
            decoder=section.decoder,
            inflight_bytes_max=section.inflight_bytes_max,
            memory_bytes_max=section.memory_bytes_max,
            batch_ms=section.batch_ms,
            batch_bytes=section.batch_bytes,
            recent_bytes_max=section.recent_bytes_max,
            wal_folder=str(self.wal_folder) if section.durability == "wal" else "",
            wal_bytes_max=section.wal.bytes_max,
            wal_segment_bytes=section.wal.segment_bytes,
        )


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)


def load(path: Path | None, environ: dict[str, str] | None = None) -> Settings:
    """Read the file (none: all defaults) and the environment.

    Raises:
        SettingsError: naming each key that is wrong, what it got and what was expected.
    """
    tree = _read(path) if path else {}
    overlay(tree, dict(os.environ) if environ is None else environ)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        where = f"{path} or environment" if path else "environment"
        lines = [_explained(item) for item in error.errors()]
        raise SettingsError("\n".join(f"{where}: {line}" for line in lines)) from error


def overlay(tree: dict[str, Any], environ: dict[str, str]) -> None:
    """Put `HOMEOSTAT_SECTION__KEY` variables into `tree`; values are read as YAML."""
    for name, text in sorted(environ.items()):
        own = name.removeprefix(ENV_PREFIX)
        if own == name or SERVICE_LINK.fullmatch(own):
            continue
        *sections, key = own.lower().split("__")
        place = tree
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise SettingsError(f"environment: {name}: {section} is not a section")
            place = inner
        place[key] = yaml.safe_load(text)


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not YAML: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{path}: expected sections, got {type(tree).__name__}")
    return tree


def _explained(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "settings"
    if item["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"{key}: there is no such key"
    expected = item["msg"].removeprefix("Value error, ")
    expected = expected[0].lower() + expected[1:]
    if isinstance(item["input"], dict):  # several keys together; the text names them
        return f"{key}: {expected}"
    return f"{key}: got {item['input']!r}: {expected}"
