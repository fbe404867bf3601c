"""A Kubernetes control plane on loopback: etcd, API server, controllers, scheduler, KWOK's nodes.

Genuine programs with genuine admission, RBAC and audit; only the kubelets are KWOK's.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import yaml

from tests.parts import cache
from tests.parts.certificates import Authority, rsa_key
from tests.parts.kube import Kube, KubeError
from tests.parts.process import Process, free_port, listens
from tests.parts.recipes import KUBERNETES, KWOK

HERE: Final = Path(__file__).parent
ADMIN: Final = "admin"
MASTERS: Final = "system:masters"
READY_S: Final = 120.0
"""The first start on a busy machine; 9 s on an idle one."""
FAST: Final = ("--kube-api-qps=300", "--kube-api-burst=600")
"""The default of 20 requests/s would make tests wait for it."""


class ControlPlane:
    """Started by `start`, ended by `stop`; everything of it lives in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._binaries = cache.need(KUBERNETES)
        self._kwok = cache.need(KWOK)
        self.authority = Authority.begin(folder / "pki")
        self.port = free_port()
        self._processes: list[Process] = []
        self.admin = self.user(ADMIN, organisation=MASTERS)
        self.kubeconfig = self.write_kubeconfig(self.admin, "admin")

    def start(self) -> Self:
        """Start all parts, in order; returns when each answers."""
        keys = rsa_key(self.folder / "pki" / "accounts.key")
        self._start_etcd()
        self._start_api(keys)
        controllers = self.user("system:kube-controller-manager", organisation=MASTERS)
        scheduler = self.user("system:kube-scheduler", organisation=MASTERS)
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.write_kubeconfig(controllers, 'controllers')}",
            f"--service-account-private-key-file={keys}",
            f"--root-ca-file={self.authority.path}",
            f"--secure-port={free_port()}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--use-service-account-credentials",
            "--horizontal-pod-autoscaler-sync-period=2s",
            *FAST,
        )
        self._run(
            "kube-scheduler",
            f"--kubeconfig={self.write_kubeconfig(scheduler, 'scheduler')}",
            f"--secure-port={free_port()}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            *FAST,
        )
        return self

    def start_nodes(self, stages: Path = HERE / "stages.yaml", count: int = 2) -> None:
        """Let KWOK play kubelets by the rules in `stages`."""
        for index in range(count):
            self.admin.create("/api/v1/nodes", _node(f"node-{index}"))
        command = (
            self._kwok / "kwok",
            f"--kubeconfig={self.kubeconfig}",
            "--manage-all-nodes=true",
            f"--config={stages}",
            f"--server-address=127.0.0.1:{free_port()}",
        )
        environ = {"HOME": str(self.folder)}  # it looks for settings there
        self._processes.append(Process(command, log=self.folder / "kwok.log", environ=environ))

    def _start_etcd(self) -> None:
        self._etcd_port, peers = free_port(), free_port()
        url, peer_url = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{peers}"
        etcd = self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--unsafe-no-fsync",
        )
        etcd.wait_until(lambda: listens(self._etcd_port))

    def _start_api(self, keys: Path) -> None:
        certificate, key = self.authority.sign("kube-apiserver", serves=True)
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(AUDIT_POLICY))
        api = self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={self.authority.path}",
            f"--service-account-key-file={keys}",
            f"--service-account-signing-key-file={keys}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit_log}",
            f"--proxy-client-cert-file={certificate}",
            f"--proxy-client-key-file={key}",
        )
        api.wait_until(self._is_ready, READY_S)

    def _is_ready(self) -> bool:
        try:
            return str(self.admin.get("/readyz")) == "ok"
        except (OSError, KubeError):
            return False

    @property
    def audit_log(self) -> Path:
        """Each write that the API server took, one JSON object a line."""
        return self.folder / "audit.jsonl"

    def user(self, name: str, *, organisation: str = "") -> Kube:
        """Return a user with a client certificate."""
        certificate, key = self.authority.sign(name, organisation=organisation)
        return Kube(port=self.port, authority=self.authority.path, certificate=certificate, key=key)

    def account(self, namespace: str, name: str) -> Kube:
        """Return a service account that exists, with a token of an hour."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.admin.create(path, body)["status"]["token"]
        return Kube(port=self.port, authority=self.authority.path, token=token)

    def write_kubeconfig(self, user: Kube, name: str, *, port: int = 0) -> Path:
        """Write what a client of that user reads; `port`: of a proxy on the way."""
        who: Mapping[str, Any] = (
            {"token": user.token}
            if user.token
            else {"client-certificate": str(user.certificate), "client-key": str(user.key)}
        )
        cluster = {
            "server": f"https://127.0.0.1:{port or self.port}",
            "certificate-authority": str(self.authority.path),
        }
        path = self.folder / f"{name}.kubeconfig"
        tree = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": dict(who)}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(tree))
        return path

    def _run(self, name: str, *flags: str) -> Process:
        process = Process((self._binaries / name, *flags), log=self.folder / f"{name}.log")
        self._processes.append(process)
        return process

    def check(self) -> None:
        """Check that all parts run.

        Raises:
            PartError: one ended.
        """
        for process in self._processes:
            process.check()

    def stop(self) -> None:
        """End everything, the youngest first."""
        for process in reversed(self._processes):
            process.stop(deadline_s=float(os.environ.get("HOMEOSTAT_PARTS_STOP_S", "3")))
        self._processes.clear()


AUDIT_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {
            "level": "RequestResponse",
            "resources": [
                {"group": "apps"},
                {"group": "autoscaling"},
                {"group": "coordination.k8s.io"},
            ],
        },
        {"level": "Metadata"},
    ],
}


def _node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name},
        },
    }
