"""`BrokerUrl`: the parsed value of `tasks.broker_url`. Importing it imports no driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from actionhero.transport import mask_url

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The supported forms of a URL, for error messages.
FORMS: Final = (
    "amqp://user:password@host:5672/vhost, amqps:// for TLS, several of them with ; between, "
    "postgresql://user:password@host:5432/database"
)


class BrokerKind(NamedTuple):
    """A kind of broker."""

    #: Its name in messages.
    title: str
    #: The module that it requires, and the extra of this package that installs it.
    module: str
    extra: str


_RABBITMQ: Final = BrokerKind("RabbitMQ", "pika", "rabbitmq")
_POSTGRES: Final = BrokerKind("PostgreSQL", "dramatiq_postgres", "postgres")
#: By URL scheme.
KINDS: Final[Mapping[str, BrokerKind]] = {
    "amqp": _RABBITMQ,
    "amqps": _RABBITMQ,
    "postgres": _POSTGRES,
    "postgresql": _POSTGRES,
}


@dataclass(frozen=True)
class BrokerUrl:
    """The URL of a broker. Passwords are masked in `str()` and `repr()`."""

    #: The URL as it was configured, with passwords.
    text: str = field(repr=False)
    kind: BrokerKind = field(repr=False)
    #: The host and port, without user and password.
    address: str

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """Parse a URL.

        Raises:
            ValueError: The URL is not supported. The message does not repeat it.
        """
        kinds, addresses = set(), []
        for url in text.split(";"):
            try:
                parts = urlsplit(url.strip())
                port = parts.port
            except ValueError:
                raise ValueError(f"it is not a URL; supported: {FORMS}") from None
            kind = KINDS.get(parts.scheme)
            if kind is None:
                raise ValueError(f"its scheme is not supported; supported: {FORMS}")
            kinds.add(kind)
            host = parts.hostname or "localhost"
            addresses.append(host if port is None else f"{host}:{port}")
        if len(kinds) > 1 or (_POSTGRES in kinds and len(addresses) > 1):
            raise ValueError(f"only amqp:// URLs can be combined; supported: {FORMS}")
        return cls(text, kinds.pop(), ", ".join(addresses))

    def __str__(self) -> str:
        return mask_url(self.text)

    def __repr__(self) -> str:
        return f"BrokerUrl({str(self)!r})"
