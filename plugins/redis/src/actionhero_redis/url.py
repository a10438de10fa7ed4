"""`RedisUrl`: the parsed URL of a Redis server, independent of the driver."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from actionhero.transport import mask_url, name_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The supported URLs, for error messages.
URL_FORMS: Final = (
    "redis://user:password@host:6379/0, rediss:// for TLS, unix:///path/to/redis.sock, "
    "redis+sentinel://host:26379,host2:26379/service/0, redis+cluster://host:6379,host2:6379"
)


class Topology(StrEnum):
    """The arrangement of the servers."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Address(NamedTuple):
    """The address of a server."""

    host: str
    port: int


def _parse_bool(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no", "1", "0"}:
        raise ValueError("it should be true or false")
    return text.lower() in {"true", "yes", "1"}


def _parse_cert_reqs(text: str) -> str:
    if text not in {"none", "optional", "required"}:
        raise ValueError("it should be none, optional or required")
    return text


#: The query parameters and their parsers. Other options are settings.
OPTIONS: Final[Mapping[str, Any]] = {
    "db": int,
    "client_name": str,
    "protocol": int,
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_cert_reqs": _parse_cert_reqs,
    "ssl_check_hostname": _parse_bool,
    "ssl_ciphers": str,
    "ssl_keyfile": str,
    "ssl_password": str,
}
_SENTINEL_OPTIONS: Final = frozenset({"sentinel_username", "sentinel_password"})
_SCHEME = re.compile(r"(redis|rediss|unix)(?:\+(sentinel|cluster))?")
_DEFAULT_PORTS: Final = {Topology.SINGLE: 6379, Topology.SENTINEL: 26379, Topology.CLUSTER: 6379}


@dataclass(frozen=True)
class RedisUrl:
    """The URL of a Redis server. Passwords are masked in its `str` and `repr`."""

    #: The original URL, including passwords.
    text: str = field(repr=False)
    topology: Topology = field(repr=False)
    tls: bool = field(repr=False)
    #: The servers, or the sentinels; empty for a Unix socket.
    addresses: tuple[Address, ...] = field(repr=False)
    #: The path of a Unix socket.
    socket: str | None = field(repr=False)
    #: The name of the service that the sentinels monitor.
    service: str | None = field(repr=False)
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    #: The query parameters and `db`, as options of the driver.
    options: dict[str, Any] = field(repr=False)
    #: The user and password for the sentinels themselves.
    sentinel_credentials: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> RedisUrl:
        """Parse a URL.

        Raises:
            ValueError: It is not valid; the message lists the supported URLs, and does not repeat
                the text.
        """
        try:
            parts = urlsplit(text)
        except ValueError:
            raise ValueError(f"it is not a URL; supported URLs: {URL_FORMS}") from None
        scheme = _SCHEME.fullmatch(parts.scheme)
        if scheme is None or (scheme[1] == "unix" and scheme[2]):
            raise ValueError(f"its scheme is not supported; supported URLs: {URL_FORMS}")
        topology = Topology(scheme[2] or Topology.SINGLE)
        user, _, servers = parts.netloc.rpartition("@")
        username, _, password = user.partition(":")
        options, sentinel_credentials = _parse_options(parts.query, topology)
        path = [unquote(part) for part in parts.path.strip("/").split("/") if part]
        is_socket = scheme[1] == "unix"
        if is_socket and not path:
            raise ValueError("it has no socket path; write unix:///path/to/redis.sock")
        service = path.pop(0) if topology is Topology.SENTINEL and path else None
        if topology is Topology.SENTINEL and service is None:
            raise ValueError(
                "it does not name the service; write redis+sentinel://host:26379/service"
            )
        if not is_socket:
            _parse_database(path, options)
        if topology is Topology.CLUSTER and options.get("db"):
            raise ValueError("a cluster has only the database 0")
        return cls(
            text=text,
            topology=topology,
            tls=scheme[1] == "rediss",
            addresses=() if is_socket else _parse_addresses(servers, _DEFAULT_PORTS[topology]),
            socket=unquote(parts.path) if is_socket else None,
            service=service,
            username=unquote(username) or None,
            password=unquote(password) or None,
            options=options,
            sentinel_credentials=sentinel_credentials,
        )

    def __str__(self) -> str:
        return mask_url(self.text)

    def __repr__(self) -> str:
        return f"RedisUrl({str(self)!r})"


def _parse_options(query: str, topology: Topology) -> tuple[dict[str, Any], dict[str, str]]:
    options: dict[str, Any] = {}
    sentinel_credentials: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if topology is Topology.SENTINEL and name in _SENTINEL_OPTIONS:
            sentinel_credentials[name.removeprefix("sentinel_")] = value
        elif name not in OPTIONS:
            extra = sorted(_SENTINEL_OPTIONS) if topology is Topology.SENTINEL else []
            raise ValueError(
                f"it has an unknown option {name!r} (timeouts and sizes are settings, such as "
                f"redis.timeout and redis.pool_size); {name_hint(name, [*OPTIONS, *extra])}"
            )
        else:
            try:
                options[name] = OPTIONS[name](value)
            except ValueError as error:
                reason = "it should be an integer" if OPTIONS[name] is int else str(error)
                raise ValueError(f"its option {name!r} is invalid: {reason}") from None
    return options, sentinel_credentials


def _parse_database(path: list[str], options: dict[str, Any]) -> None:
    if len(path) > 1 or (path and not path[0].isdecimal()):
        raise ValueError("its path should be the number of a database, as in /0")
    if path:
        options.setdefault("db", int(path[0]))


def _parse_addresses(servers: str, default_port: int) -> tuple[Address, ...]:
    addresses = []
    for server in (servers or "localhost").split(","):
        try:
            parts = urlsplit(f"//{server}")
            addresses.append(Address(parts.hostname or "localhost", parts.port or default_port))
        except ValueError:
            expected = "host, host:6379 or [::1]:6379"
            raise ValueError(f"it has an invalid host; write {expected}") from None
    return tuple(addresses)
