"""What the brain's HTTP surfaces share: how they are bound, and how they end."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: the brain has one way to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the brain."""
        yield


def server(app: object) -> Server:
    """Return a server for an ASGI app; it is given its sockets when it is started."""
    return Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)  # type: ignore[arg-type] # uvicorn's own union of ASGI kinds
    )


def bind(listen: str) -> socket.socket:
    """Return a socket bound to host:port.

    Raises:
        OSError: it is taken, or not ours to have.
    """
    host, _, port = listen.rpartition(":")
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, int(port)))
    return bound
