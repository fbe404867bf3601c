"""The twin as a process: two sockets, one world, until it is told to stop."""

import os
import signal
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from twin.commands import Commands
from twin.sender import Sender
from twin.server import SocketServer
from twin.shop import SHOP
from twin.world import World

_STDIN: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSettings:
    """Where the twin sends and listens, and which world it plays."""

    otlp_endpoint: str  # host:port, gRPC without TLS
    cluster_socket: Path | None  # None: the cluster is another one, which is followed
    control_socket: Path
    seed: int
    start_unix_ns: int


def run(settings: TwinSettings) -> int:
    """Serve until SIGTERM, SIGINT, the control's `stop` or the end of a piped stdin; return 0."""
    os.umask(0o077)  # the sockets are our user's alone
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _watch_parent(stopping.set)
    is_mirror = settings.cluster_socket is None
    world = World(SHOP, settings.seed, settings.start_unix_ns, is_mirror=is_mirror)
    sender = Sender(settings.otlp_endpoint)
    commands = Commands(world, sender, stopping.set)
    served = [SocketServer(settings.control_socket, commands.control)]
    if settings.cluster_socket is not None:
        served.append(SocketServer(settings.cluster_socket, commands.cluster))
    stopping.wait()
    for server in served:
        server.close()
    sender.close()
    return 0


def _watch_parent(on_end: Callable[[], None]) -> None:
    """Call `on_end` when the pipe at stdin ends; a terminal or a file there says nothing."""
    try:
        mode = os.fstat(_STDIN).st_mode
    except OSError:  # it was closed before we started
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def watch() -> None:
        while os.read(_STDIN, 4096):
            pass
        on_end()

    threading.Thread(target=watch, name="parent", daemon=True).start()
