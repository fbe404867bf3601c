"""One question to a pod's gRPC health service: the only place of healing that speaks gRPC.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

BYTES_MAX: Final = 4096
"""An answer has a few bytes; whoever sends more is not what we ask for."""
OPTIONS: Final = (
    ("grpc.max_receive_message_length", BYTES_MAX),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # each question is asked over a connection of its own
)


async def serves(address: str, service: str, timeout_s: float) -> bool:
    """Return whether the pod says that it serves. No answer is no."""
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = await stub.Check(request, timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
