"""The knobs of the HTTP server: section `web`."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import field_validator

from actionhero import Field, Settings
from actionhero.settings import SettingsPath
from actionhero_web.cors import Cors
from actionhero_web.proxy import TrustedProxies


class WebSettings(Settings):
    """Where the HTTP server listens, what it lets in, and how it answers."""

    section: ClassVar[str] = "web"
    env_aliases: ClassVar[dict[str, str]] = {"PORT": "port"}

    host: str = Field(default="127.0.0.1", description="The address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        default=8080, ge=0, le=65535, description="The TCP port; 0 for any that is free."
    )
    unix_socket: SettingsPath | None = Field(
        default=None, description="A Unix socket to listen on, in place of host and port."
    )
    prefix: str = Field(
        default="/api",
        pattern=r"^(/[^/\s?#%]+)*$",
        description="The path below which actions are reached. Empty for none.",
    )
    error_format: Literal["standard", "actionhero"] = Field(
        default="standard",
        description="How failures are told: with the statuses of HTTP, or as clients written for "
        "the original ActionHero expect them.",
    )
    workers: int = Field(default=1, ge=1, le=1024, description="How many processes serve.")
    reload: bool = Field(
        default=False,
        description="Start again when the application's code changes. For development.",
    )
    body_limit_bytes: int = Field(
        default=10 * 1024 * 1024,
        ge=0,
        description="The largest request body, counted as it is when decompressed. 0 is no limit.",
    )
    file_memory_bytes: int = Field(
        default=1024 * 1024, ge=0, description="An uploaded file that is larger is kept on disk."
    )
    header_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        description="How long a client may take to send a request's head.",
    )
    body_idle_timeout: timedelta = Field(
        default=timedelta(seconds=20),
        description="How long a client may pause while it sends a body.",
    )
    write_timeout: timedelta = Field(
        default=timedelta(seconds=30),
        description="How long a client may take in none of an answer.",
    )
    keepalive_timeout: timedelta = Field(
        default=timedelta(seconds=75), description="How long an idle connection is kept open."
    )
    stream_heartbeat: timedelta = Field(
        default=timedelta(seconds=15),
        ge=timedelta(0),
        description="How long a stream of events may be silent before a comment is sent, so that "
        "proxies keep it. 0 for never.",
    )
    stream_grace: timedelta = Field(
        default=timedelta(seconds=5),
        ge=timedelta(0),
        description="How long streams of events may go on when the server stops.",
    )
    cancel_on_disconnect: bool = Field(
        default=True, description="Whether a client that goes away cancels its call."
    )
    allowed_origins: list[str] = Field(
        default=[],
        description="Origins whose pages may read answers; * for all, without credentials.",
    )
    allowed_methods: list[str] = Field(
        default=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        description="Methods that pages of allowed origins may use.",
    )
    allowed_headers: list[str] = Field(
        default=["Content-Type"],
        description="Headers that pages of allowed origins may send; * for any.",
    )
    preflight_max_age: timedelta = Field(
        default=timedelta(hours=2),
        description="How long a browser may remember a preflight's answer.",
    )
    trusted_proxies: list[str] = Field(
        default=[],
        description="Addresses, networks, or 'unix': whose X-Forwarded-*, Forwarded and "
        "X-Request-Id headers are believed.",
    )
    static_folder: SettingsPath | None = Field(
        default=None, description="A folder whose files are served."
    )
    static_route: str = Field(default="/", pattern=r"^/", description="The path of static_folder.")
    compress: bool = Field(
        default=True,
        description="Whether answers of 1 KiB and more are compressed for who accepts it.",
    )
    content_security_policy: str = Field(
        default="default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; img-src 'self' data: blob:; connect-src 'self'; "
        "worker-src blob:",
        description="The header Content-Security-Policy; empty for none.",
    )
    frame_options: str = Field(
        default="DENY", description="The header X-Frame-Options; empty for none."
    )
    strict_transport_security: str = Field(
        default="max-age=31536000; includeSubDomains",
        description="The header Strict-Transport-Security; empty for none.",
    )
    referrer_policy: str = Field(
        default="strict-origin-when-cross-origin",
        description="The header Referrer-Policy; empty for none.",
    )

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        Cors(origins)
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: list[str]) -> list[str]:
        TrustedProxies(proxies)
        return proxies
