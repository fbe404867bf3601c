"""The two sockets' commands: the cluster port for the service, the control for whoever plays.

All commands are serialised with the simulation. Telemetry is sent outside that lock, so that the
cluster port answers while a receiver is still making up its mind.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from knowledge.cluster import WriteIntent
from knowledge.codec import from_json, to_json
from knowledge.framing import Message
from twin.mirror import Picture, PodHealth
from twin.otlp import Encoder
from twin.sender import Sender, SendError
from twin.server import RequestError
from twin.world import World, fault_truth

Answer = tuple[Mapping[str, Any], bytes]


class Commands:
    """Turns requests into acts of one world."""

    def __init__(self, world: World, sender: Sender, on_stop: Callable[[], None]) -> None:
        self._world = world
        self._sender = sender
        self._on_stop = on_stop
        self._encoder = Encoder()
        self._simulating = threading.Lock()
        self._advancing = threading.Lock()

    def cluster(self, message: Message) -> Answer:
        """Serve the cluster port: `report` and `write`.

        Raises:
            ValueError: no such method, or the body is not a WriteIntent.
        """
        with self._simulating:
            match message.header.get("method"):
                case "report":
                    return {"ok": True}, to_json(self._world.report())
                case "write":
                    intent = from_json(WriteIntent, bytes(message.body))
                    return {"ok": True}, to_json(self._world.write(intent))
                case other:
                    raise RequestError(f"unknown method {other!r}")

    def control(self, message: Message) -> Answer:
        """Serve the control: `advance`, `inject`, `follow`, `load`, `truth` and `stop`.

        Raises:
            ValueError: no such method, or its arguments are wrong.
        """
        header = message.header
        match header.get("method"):
            case "advance":
                return self._advance(header.get("to_unix_ns")), b""
            case "inject":
                return self._inject(header.get("fault"), header.get("service")), b""
            case "follow":
                picture = from_json(Picture, bytes(message.body))
                with self._simulating:
                    health = self._world.follow(picture)
                return {"ok": True}, to_json(health, tuple[PodHealth, ...])
            case "load":
                return self._load(header.get("factor")), b""
            case "truth":
                with self._simulating:
                    return {"ok": True, **self._world.truth()}, b""
            case "stop":
                self._on_stop()
                return {"ok": True}, b""
            case other:
                raise RequestError(f"unknown method {other!r}")

    def _advance(self, to_unix_ns: object) -> dict[str, Any]:
        if not isinstance(to_unix_ns, int):
            raise RequestError(f"to_unix_ns must be an integer, got {to_unix_ns!r}")
        with self._advancing:
            with self._simulating:
                self._world.advance(to_unix_ns)
                parcels = self._world.take_telemetry()
                now_unix_ns = self._world.now_unix_ns
            try:
                self._sender.send(self._encoder.exports(parcels))
            except SendError as error:
                raise RequestError(f"telemetry not acknowledged: {error}") from error
            return {
                "ok": True,
                "now_unix_ns": now_unix_ns,
                "sent": dict(self._sender.sent),
                "acknowledged": dict(self._sender.acknowledged),
            }

    def _load(self, factor: object) -> dict[str, Any]:
        if not isinstance(factor, int | float):
            raise RequestError(f"load takes a factor, a number, got {factor!r}")
        with self._simulating:
            self._world.load(factor)
        return {"ok": True}

    def _inject(self, fault: object, service: object) -> dict[str, Any]:
        if not isinstance(fault, str) or not (service is None or isinstance(service, str)):
            raise RequestError("inject takes a fault and, optionally, a service, both strings")
        with self._simulating:
            truth = fault_truth(self._world.inject(fault, service))
        del truth["cured_unix_ns"]
        return {"ok": True, "fault": truth}
