"""How long a connection may be in which state. Pure; the server asks for each, twice a second."""

from typing import Final, Literal

from receiver.settings import ReceiverSettings

State = Literal["handshake", "idle", "head", "body", "busy", "answered", "closed"]
"""Of a connection: agreeing on keys, between requests, reading the head, reading the body, waiting
for the pipeline, throwing away the rest of a refused request."""

Judgement = Literal["keep", "end", "slow", "unanswered"]
LINGER_S: Final = 2.0
"""How long the rest of a refused body is read and thrown away: a close at once would reset the
connection, and the sender would see that instead of the answer."""

SLOW_AFTER_S: Final = 5.0
BODY_BYTES_PER_S_MIN: Final = 32 * 2**10
"""A body that takes longer than 5 s must come at 32 KiB/s: so 64 MiB may take half an hour, and a
sender that drips bytes is sent away."""


def judge(
    state: State, waited_s: float, received_bytes: int, settings: ReceiverSettings
) -> Judgement:
    """Return what is to be done with a connection that has been in `state` for `waited_s`."""
    match state:
        case "handshake":
            return "end" if waited_s > settings.handshake_max_s else "keep"
        case "idle":
            return "end" if waited_s > settings.http_idle_max_s else "keep"
        case "head":
            return "slow" if waited_s > settings.http_head_max_s else "keep"
        case "body":
            wanted_bytes = (waited_s - SLOW_AFTER_S) * BODY_BYTES_PER_S_MIN
            return "slow" if received_bytes < wanted_bytes else "keep"
        case "busy":
            return "unanswered" if waited_s > settings.handover_timeout_s else "keep"
        case _:
            return "end" if waited_s > LINGER_S else "keep"
