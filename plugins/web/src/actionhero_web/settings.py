"""The settings of the HTTP server: section `web`."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from typing import ClassVar, Final, Literal

from pydantic import field_validator

from actionhero import Field, Settings
from actionhero.settings import SettingsPath
from actionhero.transport import HEADER_NAME, HEADER_VALUE
from actionhero_web.connections.allowed_hosts import LOCAL_HOSTS, AllowedHosts, is_host_name
from actionhero_web.connections.proxy import TrustedProxies
from actionhero_web.responses.cors import Cors
from actionhero_web.responses.origins import trusted_origin
from actionhero_web.responses.response_formats import FORMATS, ResponseFormat

#: A path that clients send as it is, without percent-encoding or resolving it (RFC 3986 §3.3).
_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$)|:)[0-9A-Za-z._~!$&'()*+,;=:@-]+)*")


class WebSettings(Settings):
    """The addresses, limits, timeouts and headers of the HTTP server."""

    section: ClassVar[str] = "web"
    env_aliases: ClassVar[dict[str, str]] = {"PORT": "port"}

    host: str = Field(default="127.0.0.1", description="The address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        default=8080, ge=0, le=65535, description="The TCP port; 0 for any free port."
    )
    unix_socket: SettingsPath | None = Field(
        default=None, description="A Unix socket to listen on, instead of host and port."
    )
    prefix: str = Field(
        default="/api",
        description="The path prefix of all actions: '/api/v2', of ASCII letters, digits and "
        "-._~!$&'()*+,;=:@. Empty for none.",
    )
    error_format: Literal["standard", "actionhero"] = Field(
        default="standard",
        description="The format of error responses: 'standard' with the statuses of HTTP, or "
        "'actionhero' for clients of the original ActionHero.",
    )
    workers: int = Field(default=1, ge=1, le=1024, description="The number of worker processes.")
    reload: bool = Field(
        default=False,
        description="Restart when the application's code changes. For development.",
    )
    body_limit_bytes: int = Field(
        default=10 * 1024 * 1024,
        ge=0,
        description="The largest request body, after decompression. 0 is no limit.",
    )
    parsed_body_limit_bytes: int = Field(
        default=1024 * 1024,
        ge=0,
        description="The largest part of a request body that is parsed in memory: JSON, forms, and "
        "the fields of multipart forms without their files. 0 is no limit.",
    )
    file_memory_bytes: int = Field(
        default=1024 * 1024, ge=0, description="Uploaded files larger than this are stored on disk."
    )
    header_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="How long a client may take to send the headers of a request.",
    )
    body_idle_timeout: timedelta = Field(
        default=timedelta(seconds=20),
        gt=timedelta(0),
        description="How long a client may pause while sending a body.",
    )
    body_minimum_bytes_per_second: int = Field(
        default=500,
        ge=0,
        description="How fast a client must send a body on average, after body_rate_grace. 0 is "
        "any rate.",
    )
    body_rate_grace: timedelta = Field(
        default=timedelta(seconds=20),
        gt=timedelta(0),
        description="How long a client may be slower than body_minimum_bytes_per_second.",
    )
    write_timeout: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="How long a client may read fewer than 500 bytes per second of a response "
        "before it is disconnected.",
    )
    keepalive_timeout: timedelta = Field(
        default=timedelta(seconds=75),
        ge=timedelta(0),
        description="How long an idle connection stays open. 0 closes it after each response.",
    )
    stream_heartbeat: timedelta = Field(
        default=timedelta(seconds=15),
        ge=timedelta(0),
        description="The interval of comments in an idle event stream, which keep proxies from "
        "closing it. 0 for none.",
    )
    stream_grace: timedelta = Field(
        default=timedelta(seconds=5),
        ge=timedelta(0),
        description="How long event streams may continue when the server stops.",
    )
    cancel_on_disconnect: bool = Field(
        default=True, description="Whether a call is cancelled when its client disconnects."
    )
    allowed_hosts: list[str] = Field(
        default=[],
        description="The names by which clients address the server, in the header Host, without "
        "port: 'example.com', '.example.com' with subdomains, or '*' for any. Empty: in production "
        "any; otherwise localhost, IP addresses, and the names of this machine and of web.host.",
    )
    allowed_origins: list[str] = Field(
        default=[],
        description="Origins whose pages may read responses; * for all, without credentials.",
    )
    allowed_methods: list[str] = Field(
        default=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        description="Methods that pages of allowed origins may use.",
    )
    allowed_headers: list[str] = Field(
        default=[
            "Content-Type",
            "Authorization",
            "Idempotency-Key",
            "Last-Event-ID",
            "traceparent",
            "tracestate",
        ],
        description="Headers that pages of allowed origins may send; * for any. By default only "
        "Content-Type with the error format 'actionhero', as in the original ActionHero.",
    )
    exposed_headers: list[str] = Field(
        default=[
            "X-Request-Id",
            "Retry-After",
            "Content-Disposition",
            "RateLimit",
            "RateLimit-Policy",
        ],
        description="Headers of responses that pages of allowed origins may read.",
    )
    cross_origin_protection: bool = Field(
        default=True,
        description="Whether requests from pages of other sites, except for trusted_origins and "
        "allowed_origins, may neither use nor change a session. Safe methods, bearer tokens and "
        "API keys are exempt.",
    )
    trusted_origins: list[str] = Field(
        default=[],
        description="Origins whose pages may send requests with the session of their user, but "
        "not read the responses: 'https://app.example.com'. Those of allowed_origins may do both.",
    )
    preflight_max_age: timedelta = Field(
        default=timedelta(hours=2),
        ge=timedelta(0),
        description="How long a browser may cache a preflight response.",
    )
    trusted_proxies: list[str] = Field(
        default=[],
        description="Addresses, networks, or 'unix': the peers whose X-Forwarded-*, Forwarded and "
        "X-Request-Id headers are trusted.",
    )
    static_folder: SettingsPath | None = Field(
        default=None, description="A folder of static files to serve."
    )
    static_route: str = Field(default="/", description="The path of static_folder.")
    compress: bool = Field(
        default=True,
        description="Whether responses of 1 KiB and more are compressed if the client accepts it.",
    )
    content_security_policy: str = Field(
        default="default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; img-src 'self' data: blob:; connect-src 'self'; "
        "worker-src blob:; object-src 'none'; base-uri 'self'; form-action 'self'",
        description="The header Content-Security-Policy; empty for none. The directive "
        "frame-ancestors is added by frame_options.",
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

    @property
    def response_format(self) -> ResponseFormat:
        """The format of responses that `error_format` selects."""
        return FORMATS[self.error_format]

    @property
    def cors_headers(self) -> list[str]:
        """The headers that pages of allowed origins may send."""
        is_default = "allowed_headers" not in self.model_fields_set
        if is_default and self.response_format.always_lists_methods:
            return ["Content-Type"]
        return self.allowed_headers

    def hosts(self, environment: str) -> AllowedHosts:
        """Return the names by which clients may address the server in an environment."""
        if self.allowed_hosts:
            return AllowedHosts(self.allowed_hosts)
        if environment == "production":
            return AllowedHosts(["*"])
        # A dot at the end, of a name that is not relative, is not compared.
        names = (socket.gethostname().removesuffix("."), self.host.removesuffix("."))
        own = [name for name in names if is_host_name(name)]
        return AllowedHosts([*LOCAL_HOSTS, *own], addresses=True)

    @field_validator("prefix")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        if not _PATH.fullmatch(prefix):
            raise ValueError(
                f"{prefix!r} is not the path of a request; write '/api' or '/api/v2', with ASCII "
                "letters, digits and -._~!$&'()*+,;=:@ after each slash"
            )
        return prefix

    @field_validator("static_route")
    @classmethod
    def _is_route(cls, route: str) -> str:
        if not (route.startswith("/") and _PATH.fullmatch(route.rstrip("/"))):
            raise ValueError(
                f"{route!r} is not the path of a request; write '/' or '/static', with ASCII "
                "letters, digits and -._~!$&'()*+,;=:@ after each slash"
            )
        return route

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        AllowedHosts(hosts)
        return hosts

    @field_validator("allowed_methods", "allowed_headers", "exposed_headers")
    @classmethod
    def _are_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is neither a header nor a method")
        return names

    @field_validator(
        "content_security_policy", "frame_options", "strict_transport_security", "referrer_policy"
    )
    @classmethod
    def _is_header_value(cls, value: str) -> str:
        if not HEADER_VALUE.fullmatch(value):
            raise ValueError("a header has no line breaks or control characters; write one line")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        Cors(origins)
        return origins

    @field_validator("trusted_origins")
    @classmethod
    def _are_trusted_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            trusted_origin(origin)
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: list[str]) -> list[str]:
        TrustedProxies(proxies)
        return proxies
