"""`RedisUrl`: where a Redis is, read from one line of text. Nothing here knows the driver."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from actionhero.settings import mask_passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a URL may look like, for whoever wrote one that does not.
FORMS: Final = (
    "redis://user:password@host:6379/0, rediss:// for TLS, unix:///path/to/redis.sock, "
    "redis+sentinel://host:26379,host2:26379/service/0, redis+cluster://host:6379,host2:6379"
)


class Topology(StrEnum):
    """How many servers there are, and who knows which is the one."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Address(NamedTuple):
    """A server on the network."""

    host: str
    port: int


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no", "1", "0"}:
        raise ValueError("it should be true or false")
    return text.lower() in {"true", "yes", "1"}


def _requirement(text: str) -> str:
    if text not in {"none", "optional", "required"}:
        raise ValueError("it should be none, optional or required")
    return text


#: What may stand behind the `?`, by name: how each is read. All else has a setting of its own.
OPTIONS: Final[Mapping[str, Any]] = {
    "db": int,
    "client_name": str,
    "protocol": int,
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_cert_reqs": _requirement,
    "ssl_check_hostname": _flag,
    "ssl_ciphers": str,
    "ssl_keyfile": str,
    "ssl_password": str,
}
_OF_SENTINELS: Final = frozenset({"sentinel_username", "sentinel_password"})
_SCHEME = re.compile(r"(redis|rediss|unix)(?:\+(sentinel|cluster))?")
_PORTS: Final = {Topology.SINGLE: 6379, Topology.SENTINEL: 26379, Topology.CLUSTER: 6379}


@dataclass(frozen=True)
class RedisUrl:
    """Where a Redis is. Its text, and its `repr`, are without passwords."""

    #: As it was written, passwords and all.
    text: str = field(repr=False)
    topology: Topology = field(repr=False)
    tls: bool = field(repr=False)
    #: The servers, or the sentinels; none for a socket.
    addresses: tuple[Address, ...] = field(repr=False)
    #: The path of a Unix socket.
    socket: str | None = field(repr=False)
    #: The name under which sentinels know the server.
    service: str | None = field(repr=False)
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    #: What stood behind the `?`, as the driver takes it; `db` too.
    options: dict[str, Any] = field(repr=False)
    #: The user and password of the sentinels themselves.
    sentinel: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> RedisUrl:
        """Read a URL.

        Raises:
            ValueError: It is none; the message says what may be given, without what was.
        """
        try:
            parts = urlsplit(text)
        except ValueError:
            raise ValueError(f"it is not a URL; there are: {FORMS}") from None
        scheme = _SCHEME.fullmatch(parts.scheme)
        if scheme is None or (scheme[1] == "unix" and scheme[2]):
            raise ValueError(f"its scheme is not one of ours; there are: {FORMS}")
        topology = Topology(scheme[2] or Topology.SINGLE)
        user, _, servers = parts.netloc.rpartition("@")
        username, _, password = user.partition(":")
        options, sentinel = _options(parts.query, topology)
        path = [unquote(part) for part in parts.path.strip("/").split("/") if part]
        is_socket = scheme[1] == "unix"
        if is_socket and not path:
            raise ValueError("it has no path of a socket; write unix:///path/to/redis.sock")
        service = path.pop(0) if topology is Topology.SENTINEL and path else None
        if topology is Topology.SENTINEL and service is None:
            raise ValueError(
                "it does not name the service; write redis+sentinel://host:26379/service"
            )
        if not is_socket:
            _read_database(path, options)
        if topology is Topology.CLUSTER and options.get("db"):
            raise ValueError("a cluster has only the database 0")
        return cls(
            text=text,
            topology=topology,
            tls=scheme[1] == "rediss",
            addresses=() if is_socket else _addresses(servers, _PORTS[topology]),
            socket=unquote(parts.path) if is_socket else None,
            service=service,
            username=unquote(username) or None,
            password=unquote(password) or None,
            options=options,
            sentinel=sentinel,
        )

    def __str__(self) -> str:
        return mask_passwords(self.text)

    def __repr__(self) -> str:
        return f"RedisUrl({str(self)!r})"


def _options(query: str, topology: Topology) -> tuple[dict[str, Any], dict[str, str]]:
    options: dict[str, Any] = {}
    sentinel: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if topology is Topology.SENTINEL and name in _OF_SENTINELS:
            sentinel[name.removeprefix("sentinel_")] = value
        elif name not in OPTIONS:
            known = [*OPTIONS, *(sorted(_OF_SENTINELS) if topology is Topology.SENTINEL else [])]
            raise ValueError(
                f"it has the option {name!r}, which is not known; there are: {', '.join(known)}. "
                "Timeouts and sizes are settings of their own: redis.timeout, redis.pool_size"
            )
        else:
            try:
                options[name] = OPTIONS[name](value)
            except ValueError as error:
                reason = "it should be a whole number" if OPTIONS[name] is int else str(error)
                raise ValueError(f"its option {name!r} is wrong: {reason}") from None
    return options, sentinel


def _read_database(path: list[str], options: dict[str, Any]) -> None:
    if len(path) > 1 or (path and not path[0].isdecimal()):
        raise ValueError("what follows the host should be the number of a database, as in /0")
    if path:
        options.setdefault("db", int(path[0]))


def _addresses(servers: str, port: int) -> tuple[Address, ...]:
    found = []
    for server in (servers or "localhost").split(","):
        try:
            parts = urlsplit(f"//{server}")
            found.append(Address(parts.hostname or "localhost", parts.port or port))
        except ValueError:
            raise ValueError("a host in it is wrong; write host, host:6379 or [::1]:6379") from None
    return tuple(found)
