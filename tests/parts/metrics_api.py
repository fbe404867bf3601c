"""The resource metrics API (metrics.k8s.io/v1beta1), served to an API server by aggregation.

https://github.com/kubernetes/metrics is the API; what pods use is told by whoever plays kubelet.
"""

import json
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.parts.control_plane import ControlPlane

GROUP: Final = "metrics.k8s.io"
ROOT: Final = f"/apis/{GROUP}/v1beta1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one container of a pod uses."""

    namespace: str
    pod: str
    container: str
    cpu_cores: float
    memory_bytes: float


class MetricsApi:
    """A server on loopback; `used` is replaced whenever there is something new."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.used: tuple[Used, ...] = ()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics API")
        self._thread.start()

    @classmethod
    def register(cls, plane: ControlPlane) -> "MetricsApi":
        """Start one and let the API server of `plane` pass requests on to it."""
        served = cls(plane.authority.server_context("metrics"))
        spec = {
            "type": "ExternalName",
            "externalName": "localhost",
            "ports": [{"port": served.port}],
        }
        plane.admin.create(
            "/api/v1/namespaces/kube-system/services",
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics"}, "spec": spec},
        )
        body = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"v1beta1.{GROUP}"},
            "spec": {
                "group": GROUP,
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"namespace": "kube-system", "name": "metrics", "port": served.port},
            },
        }
        plane.admin.create("/apis/apiregistration.k8s.io/v1/apiservices", body)
        return served

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = api.answer(self.path.partition("?")[0])
                text = json.dumps(body or {}).encode()
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing: it is asked every few seconds."""

        return Handler

    def answer(self, path: str) -> dict[str, Any] | None:
        """Return the object at a path, None where there is none."""
        if path == ROOT:
            verbs = ["get", "list"]
            resource = {"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": verbs}
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/v1beta1",
                "resources": [{**resource, "singularName": ""}],
            }
        inner = path.removeprefix(f"{ROOT}/namespaces/").split("/")
        namespace = inner[0] if path.startswith(f"{ROOT}/namespaces/") else None
        if path != f"{ROOT}/pods" and inner[1:] != ["pods"]:
            return None
        return {
            "kind": "PodMetricsList",
            "apiVersion": f"{GROUP}/v1beta1",
            "metadata": {},
            "items": [_item(u) for u in self.used if namespace in {None, u.namespace}],
        }

    @staticmethod
    def unregister(plane: ControlPlane) -> None:
        """Let the API server forget it: one that does not answer would trouble its controllers."""
        plane.admin.delete(f"/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.{GROUP}")
        plane.admin.delete("/api/v1/namespaces/kube-system/services/metrics")

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _item(used: Used) -> dict[str, Any]:
    usage = {"cpu": f"{used.cpu_cores * 1000:.0f}m", "memory": f"{used.memory_bytes:.0f}"}
    return {
        "metadata": {"name": used.pod, "namespace": used.namespace},
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": "5s",
        "containers": [{"name": used.container, "usage": usage}],
    }
