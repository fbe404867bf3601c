"""What is a failure: by the codes of the answer before what an instrumentation thinks of it."""

from typing import Final

import numpy as np

from receiver.attributes import Picked
from receiver.nesting import Bytes, Mask
from receiver.semconv import GRPC_CODES, GRPC_SERVER_FAULTS

_SERVER: Final = 2
_CLIENT: Final = 3
_HTTP_CLIENT_FAULT: Final = 400
_HTTP_SERVER_FAULT: Final = 500
_GRPC_SERVER_FAULTS: Final = np.array([name in GRPC_SERVER_FAULTS for name in GRPC_CODES])
"""By the code's number."""


def failures(kind: Bytes, status: Mask, http: Picked, grpc: Picked) -> Mask:
    """Return what failed: at the one who served it, or, for a client, as a call.

    `kind`: OTLP SpanKind; `status`: what says itself that it failed.

    Codes are believed before the status, since instrumentations set it for codes that are the
    caller's fault: 4xx and NOT_FOUND must not page the owner of a server. A client's HTTP call
    failed when its span says so, its gRPC call when the code is not OK.
    Source: semantic conventions, http-spans.md and rpc/grpc.md.
    """
    error = status
    if http.told.any():
        code, told = http.values, http.told
        fault = code >= _HTTP_SERVER_FAULT
        judged = np.where(code >= _HTTP_CLIENT_FAULT, fault, error)
        error = np.where((kind == _SERVER) & told, judged, error)
    if grpc.told.any():
        code, told = grpc.values, grpc.told
        error = np.where((kind == _SERVER) & told, _GRPC_SERVER_FAULTS[code], error)
        error = np.where((kind == _CLIENT) & told, code != 0, error)
    return error
