"""A metrics API on loopback that tells what a test wants, and remembers who asked when.

It answers `metrics.k8s.io` and `external.metrics.k8s.io` behind the API server's aggregation layer,
as metrics-server and an adapter do: https://kubernetes.io/docs/tasks/extend-kubernetes.
"""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from tests.parts.control_plane import ControlPlane

RESOURCE: Final = "metrics.k8s.io"
EXTERNAL: Final = "external.metrics.k8s.io"
Answer = Callable[[str, str], dict[str, Any] | None]
"""(namespace, external metric or "") to a list object; None: there is nothing to tell."""


class MetricsApi:
    """The server, and its registration with a control plane."""

    def __init__(self, plane: ControlPlane, answer: Answer) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api._get(self)

            def log_message(self, *_: object) -> None:
                pass

        self._answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        certificate, key = plane.authority.sign("metrics-api", serves=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._plane = plane

    def start(self) -> Self:
        """Serve, and tell the API server where."""
        self._thread.start()
        port = self._server.server_address[1]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics-api", "namespace": "default"},
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "ports": [{"port": port}],
            },
        }
        self._plane.admin.create("/api/v1/namespaces/default/services", service)
        for group in (RESOURCE, EXTERNAL):
            body = {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"v1beta1.{group}"},
                "spec": {
                    "group": group,
                    "version": "v1beta1",
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "insecureSkipTLSVerify": True,
                    "service": {"name": "metrics-api", "namespace": "default", "port": port},
                },
            }
            self._plane.admin.create("/apis/apiregistration.k8s.io/v1/apiservices", body)
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        parts = handler.path.partition("?")[0].strip("/").split("/")
        body: dict[str, Any] | None
        if len(parts) > 5 and parts[3] == "namespaces":
            body = self._answer(parts[4], "" if parts[1] == RESOURCE else parts[5])
        else:
            group = parts[1] if len(parts) > 1 else RESOURCE
            body = {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{group}/v1beta1",
                "resources": [],
            }
        status = 404 if body is None else 200
        text = json.dumps(body or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
