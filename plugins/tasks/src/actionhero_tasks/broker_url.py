"""`BrokerUrl`: where a broker is, read from one line of text. Nothing here knows a driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from actionhero.settings import mask_passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a URL may look like, for whoever wrote one that does not.
FORMS: Final = (
    "amqp://user:password@host:5672/vhost, amqps:// for TLS, several of them with ; between, "
    "postgresql://user:password@host:5432/database"
)


class BrokerKind(NamedTuple):
    """What can be a broker."""

    #: How it is called in messages.
    title: str
    #: The module that it needs, and the extra of this package that brings it.
    module: str
    extra: str


_RABBITMQ: Final = BrokerKind("RabbitMQ", "pika", "rabbitmq")
_POSTGRES: Final = BrokerKind("PostgreSQL", "dramatiq_postgres", "postgres")
#: By the scheme of its URL.
KINDS: Final[Mapping[str, BrokerKind]] = {
    "amqp": _RABBITMQ,
    "amqps": _RABBITMQ,
    "postgres": _POSTGRES,
    "postgresql": _POSTGRES,
}


@dataclass(frozen=True)
class BrokerUrl:
    """Where a broker is. Its text, and its `repr`, are without passwords."""

    #: As it was written, passwords and all.
    text: str = field(repr=False)
    kind: BrokerKind = field(repr=False)
    #: Where it is, for people: no user, no password.
    address: str

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """Read a URL.

        Raises:
            ValueError: It is none; the message says what may be given, without what was.
        """
        kinds, places = set(), []
        for each in text.split(";"):
            try:
                parts = urlsplit(each.strip())
                port = parts.port
            except ValueError:
                raise ValueError(f"it is not a URL; there are: {FORMS}") from None
            kind = KINDS.get(parts.scheme)
            if kind is None:
                raise ValueError(f"its scheme is not one of ours; there are: {FORMS}")
            kinds.add(kind)
            host = parts.hostname or "localhost"
            places.append(host if port is None else f"{host}:{port}")
        if len(kinds) > 1 or (_POSTGRES in kinds and len(places) > 1):
            raise ValueError(f"only several amqp:// can stand side by side; there are: {FORMS}")
        return cls(text, kinds.pop(), ", ".join(places))

    def __str__(self) -> str:
        return mask_passwords(self.text)

    def __repr__(self) -> str:
        return f"BrokerUrl({str(self)!r})"
