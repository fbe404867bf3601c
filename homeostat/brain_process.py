"""The brain as a process: what it listens on and opens, its loops, and its end."""

import asyncio
import os
import signal
import socket
import sys
from typing import Final

from homeostat.brain import Brain
from homeostat.clock import follow_wall, serve_driver
from homeostat.settings import Settings
from homeostat.tokens import TokenError, own_token
from homeostat.version import VERSION
from homeostat.web import bind
from homeostat.web import server as http_server
from knowledge.journal import Journal, JournalError
from receiver.memory import keep_large_buffers, settle
from status.app import create_app
from status.orders import Desk

CANNOT_SERVE: Final = 3
"""Exit code of a process that told why it cannot serve; 1 is that of a bug."""


async def _serve(
    brain: Brain,
    settings: Settings,
    web: socket.socket,
    endpoints: socket.socket | None,
    token: str,
) -> None:
    """Run all loops until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    desk = Desk(
        token=token,
        give=brain.control.give,
        now_unix_ns=brain.clock.now_unix_ns,
    )
    app = create_app(
        brain.snapshot,
        brain.diagnose,
        find_trace=brain.intake.questions.trace,
        version=VERSION,
        desk=desk,
    )
    server, endpoint_server = http_server(app), http_server(brain.traffic.app())
    async with asyncio.TaskGroup() as tasks:
        eternal = [
            tasks.create_task(brain.intake.serve(settings.frames_socket), name="frames"),
            tasks.create_task(_time(brain, settings), name="clock"),
        ]
        if brain.replicated is not None:
            lease = brain.replicated.succession.leadership.run()
            eternal.append(tasks.create_task(lease, name="lease"))
        if settings.healing.traffic.pools:
            eternal.append(tasks.create_task(brain.traffic.run(), name="traffic"))
        http = [tasks.create_task(server.serve(sockets=[web]), name="status")]
        if endpoints is not None:
            serving = endpoint_server.serve(sockets=[endpoints])
            http.append(tasks.create_task(serving, name="endpoints"))
        await stop.wait()
        server.should_exit = endpoint_server.should_exit = True
        await asyncio.gather(*http)
        for task in eternal:
            task.cancel()
    if brain.replicated is not None:
        if not brain.control.is_writing:  # or a successor might begin before a write has ended
            await brain.replicated.succession.leadership.give_up()
        await brain.replicated.api.close()
    if brain.cluster is not None:
        await brain.cluster.close()
    brain.control.close()


async def _time(brain: Brain, settings: Settings) -> None:
    if settings.clock.kind == "driven":
        await serve_driver(settings.clock_socket, brain.advance)
    else:
        await follow_wall(brain.clock, brain.control.next_tick_unix_ns, brain.advance)


def run(settings: Settings) -> int:
    """Run the brain until it is told to stop; return the exit code."""
    # frames come and go as in a receiver: fresh pages would cost more than all else that is done
    keep_large_buffers()
    os.umask(0o077)  # sockets and journal are our user's alone
    listen, key = settings.status.listen, "status.listen"
    try:
        web = bind(listen)
        endpoints = None
        if settings.healing.traffic.endpoints_listen:
            listen, key = (
                settings.healing.traffic.endpoints_listen,
                "healing.traffic.endpoints_listen",
            )
            endpoints = bind(listen)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        journal = Journal.open(settings.knowledge.journal)
        token = own_token(settings.token_file)
    except OSError as error:
        sys.stderr.write(
            f"cannot listen on {listen}: {error.strerror}; stop the other process or set {key}\n"
        )
        return CANNOT_SERVE
    except JournalError as error:
        sys.stderr.write(f"{error}; or set knowledge.journal\n")
        return CANNOT_SERVE
    except TokenError as error:
        sys.stderr.write(f"{error}; or set status.token_file\n")
        return CANNOT_SERVE
    brain = Brain(settings, journal)
    address = ":".join(map(str, web.getsockname()[:2]))
    sys.stderr.write(f"brain listening status=http://{address} pid={os.getpid()}\n")
    for note in brain.snapshot().notes:
        sys.stderr.write(f"brain: {note}\n")
    sys.stderr.flush()
    settle()
    try:
        asyncio.run(_serve(brain, settings, web, endpoints, token))
    finally:
        journal.close()
    return 0
