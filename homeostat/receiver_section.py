"""The section `receiver` of the settings."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from homeostat.exposure import refuse_exposure
from homeostat.section import Address, Section


class GrpcSection(Section):
    """OTLP over gRPC."""

    listen: Address = "127.0.0.1:4317"


class HttpSection(Section):
    """OTLP over HTTP."""

    listen: Address = "127.0.0.1:4318"
    cors_origins: list[str] = Field(default_factory=list)


class WalSection(Section):
    """The receivers' own log, with `receiver.durability: wal`."""

    folder: Path | None = None
    bytes_max: int = Field(default=4 * 2**30, ge=2**20)
    segment_bytes: int = Field(default=64 * 2**20, ge=2**16)


class TlsSection(Section):
    """Certificates of both OTLP servers, PEM; read again when they are replaced."""

    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> "TlsSection":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("expected both cert_file and key_file, or neither")
        if self.client_ca_file is not None and self.cert_file is None:
            raise ValueError("client_ca_file: expected cert_file and key_file beside it")
        return self


class ReceiverSection(Section):
    """The receiver processes."""

    grpc: GrpcSection = GrpcSection()
    http: HttpSection = HttpSection()
    tls: TlsSection = TlsSection()
    principals_file: Path | None = None
    insecure_listen: bool = False
    connections_max: int = Field(default=16_384, gt=0)
    streams_max: int = Field(default=100, gt=0)
    connection_age_max_s: float = Field(default=600.0, gt=0)
    processes: int = Field(default=1, ge=1, le=64)
    max_message_bytes: int = Field(default=64 * 2**20, gt=0)
    items_per_request_max: int = Field(default=200_000, gt=0)
    decoder: Literal["fast", "reference"] = "fast"
    inflight_bytes_max: int = Field(default=256 * 2**20, gt=0)
    memory_bytes_max: int = Field(default=0, ge=0)
    batch_ms: float = Field(default=5.0, ge=0)
    batch_bytes: int = Field(default=8 * 2**20, gt=0)
    recent_bytes_max: int = Field(default=64 * 2**20, ge=0)
    durability: Literal["memory", "wal"] = "memory"
    wal: WalSection = WalSection()

    @model_validator(mode="after")
    def _not_exposed(self) -> "ReceiverSection":
        refuse_exposure(
            {"grpc.listen": self.grpc.listen, "http.listen": self.http.listen},
            is_insecure_allowed=self.insecure_listen,
            has_tls=self.tls.cert_file is not None,
            has_authentication=bool(self.principals_file or self.tls.client_ca_file),
        )
        return self
