"""One connection of OTLP/HTTP: requests in, one after the other, an answer for each.

A request is refused for its head before its body is read. What comes while a request is worked on
waits unread. Everything here runs in the server's loop; limits of time are looked at by its sweep.
"""

import asyncio
import time
from dataclasses import replace
from typing import Any, Final

import httptools

from receiver.http_answers import HttpAnswer, mistake_answer, outcome_answer
from receiver.http_body import Body
from receiver.http_host import Exporting, Host
from receiver.http_limits import State
from receiver.http_route import Export, Mistake, Preflight, cors, find, preflight
from receiver.http_wire import CONTINUE, render
from receiver.identify import Sender
from receiver.pending import Outcome
from receiver.refusal import Refusal

HEAD_BYTES_MAX: Final = 32 * 2**10


class Connection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._stash = bytearray()
        self._paused = False
        self._head_bytes = self._wire_bytes = 0
        self._sender = Sender("")
        self.opened_s = self.changed_s = time.monotonic()
        self.state: State = "idle"
        self.exporting: Exporting | None = None
        self.close_after = False
        self._forget()

    def _forget(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._what: Export | Preflight | Mistake | None = None
        self.body = Body(self._host)

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        """Start, unless the house is full."""
        self._transport = transport
        if not self._host.opened(self):
            self.state = "closed"
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give back what was held; an export that is worked on goes on."""
        self.body.drop()
        self.state = "closed"
        self._host.closed(self)

    def eof_received(self) -> bool:
        """Answer what is worked on, though no more will be asked; return whether to stay open."""
        self.close_after = True
        return self.state == "busy"

    def data_received(self, data: bytes) -> None:
        """Parse, unless a request is worked on: then what comes waits, and no more is read."""
        if self.state == "busy":
            self._stash += data
            if not self._paused:
                self._paused = True
                self._transport.pause_reading()
            return
        self._weigh(len(data))
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # such as h2c: we go on as we are
            self._parser = httptools.HttpRequestParser(self)
            self._stash += data[upgrade.args[0] :]
            if self.state == "idle":
                self._go_on()
        except httptools.HttpParserError as error:
            if self.state not in {"closed", "answered"}:
                message = f"not HTTP/1.1: {error}"
                self._mistake(Mistake(status=400, reason="malformed_http", message=message))
        else:
            self._check_sizes()

    def _weigh(self, size_bytes: int) -> None:
        if self.state == "idle":
            self.state = "head"
            self.changed_s = time.monotonic()
        if self.state == "head":
            self._head_bytes += size_bytes
        elif self.state == "body":
            self._wire_bytes += size_bytes

    def _check_sizes(self) -> None:
        """End what the parser would collect for ever: a head, or tiny chunks and trailers."""
        if self.state == "head" and self._head_bytes > HEAD_BYTES_MAX:
            message = f"the head is larger than {HEAD_BYTES_MAX} bytes"
            self._mistake(Mistake(status=431, reason="head_too_large", message=message))
        elif self.state == "body" and self._wire_bytes > 2 * self._host.body_bytes_max:
            self._mistake(self._too_large(self._what))

    # httptools

    def on_message_begin(self) -> None:
        """A request starts. One that comes before the answer to the last is not read.

        Its sender has to send it again, as RFC 9112, section 9.3.2, asks of those that pipeline.
        """
        if self.state in {"idle", "head"}:
            self.state = "head"
            self._forget()
        else:
            self.close_after = True

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if self.state == "head":
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; of those that come twice the last counts."""
        if self.state == "head":
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Decide on the head: read the body, or refuse it."""
        if self.state != "head":
            return
        self._head_bytes = self._wire_bytes = 0
        self.state = "body"
        self.changed_s = time.monotonic()
        headers = self._headers
        method = self._parser.get_method()
        found = find(method, self._url.partition(b"?")[0], headers)
        if isinstance(found, Export):
            admitted = self._host.admit(headers, self._transport)
            if isinstance(admitted, Mistake):
                found = replace(admitted, encoding=found.encoding)
            else:
                self._sender, self.body.client = admitted, admitted.client
                found = self._read_on(found)
        self._what = found
        if isinstance(found, Mistake) and self._has_body():
            self._mistake(found)
        elif headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, within the limits."""
        if self.state != "body" or not isinstance(self._what, Export):
            return
        refusal = self.body.add(body)
        if self.body.received_bytes > self._host.body_bytes_max:
            self._mistake(self._too_large(self._what))
        elif refusal is not None:
            self._refuse(refusal)

    def on_message_complete(self) -> None:
        """Answer, or hand the request over."""
        if self.state == "answered":
            self._transport.close()
        if self.state != "body":
            return
        found, self._what = self._what, None
        if not self._parser.should_keep_alive():
            self.close_after = True
        self.changed_s = time.monotonic()
        if isinstance(found, Export):
            self.state = "busy"
            self.exporting = Exporting(found)
            body, self.body = self.body, Body(self._host)  # it is theirs now
            self._host.export(self, self.exporting, body, self._sender)
        elif isinstance(found, Mistake):
            self._host.count(found.reason)
            self._write(mistake_answer(found))
            self._next()
        else:
            told = preflight(self._headers)
            self._write(HttpAnswer(status=204, encoding="json", body=b"", headers=told))
            self._next()

    # the server's loop

    def settled(self, one: Exporting, outcome: Outcome) -> None:
        """Answer the request that is worked on, if it is `one`; only the first time counts."""
        if self.state != "busy" or one is not self.exporting:
            return  # it was given up: the next one must not be answered for it
        self.exporting = None
        self._write(outcome_answer(outcome, one.what.signal, one.what.encoding))
        self._next()

    def end(self) -> None:
        """Close now; what is worked on goes unanswered."""
        if self.state == "idle":
            self._transport.close()
        else:
            self._transport.abort()
        self.state = "closed"

    def grow_old(self) -> None:
        """Close once the request in hand is answered; at once when there is none."""
        self.close_after = True
        if self.state == "idle":
            self.end()

    def time_out(self) -> None:
        """Refuse a request that does not come to its end."""
        message = "the request did not arrive in time"
        self._mistake(Mistake(status=408, reason="slow", message=message))

    # within

    def _read_on(self, export: Export) -> Export | Mistake:
        """Return the export if its body may come, as far as its head tells."""
        told = self._headers.get(b"content-length", b"0")
        size = int(told) if told.isdigit() else 0
        if size > self._host.body_bytes_max:
            return self._too_large(export)
        refusal = self.body.announce(size)
        if refusal is not None:
            self._what = export
            self._refuse(refusal)
        return export

    def _too_large(self, what: Export | Preflight | Mistake | None) -> Mistake:
        limit = self._host.body_bytes_max
        message = f"the body is larger than {limit} bytes (receiver.max_message_bytes)"
        encoding = what.encoding if isinstance(what, Export) else "json"
        return Mistake(status=413, reason="too_large", message=message, encoding=encoding)

    def _has_body(self) -> bool:
        length = self._headers.get(b"content-length", b"0")
        return length != b"0" or b"transfer-encoding" in self._headers

    def _refuse(self, refusal: Refusal) -> None:
        what = self._what
        assert isinstance(what, Export)
        self._host.count_unread(refusal)
        self._end_with(outcome_answer(refusal, what.signal, what.encoding))

    def _mistake(self, mistake: Mistake) -> None:
        self._host.count(mistake.reason)
        self._end_with(mistake_answer(mistake))

    def _end_with(self, answer: HttpAnswer) -> None:
        """Answer now, throw away what still comes, then close."""
        self.close_after = True
        self._write(answer)
        self.body.drop()
        self.state = "answered"
        self.changed_s = time.monotonic()

    def _next(self) -> None:
        """Close, or go on with the next request."""
        if self.close_after:
            self._transport.close()
            return
        self.state = "idle"
        self.changed_s = time.monotonic()
        self._go_on()

    def _go_on(self) -> None:
        """Read on, first what has come meanwhile."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._stash:
            data, self._stash = bytes(self._stash), bytearray()
            self.data_received(data)

    def _write(self, answer: HttpAnswer) -> None:
        origins = self._host.cors_origins
        self._transport.write(
            render(
                answer,
                date=self._host.date(),
                close=self.close_after,
                headers=cors(self._headers, origins) if origins else {},
            )
        )
