"""`BrokerUrl`: the parsed value of `tasks.broker_url`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from actionhero.transport import mask_url


@dataclass(frozen=True)
class BrokerUrl:
    """The URL of a broker, or several with `;` between. Passwords are masked in `str` and `repr`.

    Which schemes there are is known when the plugins are loaded: see `select_broker`.
    """

    #: The URL as it was configured, with passwords.
    text: str = field(repr=False)
    #: The schemes of its parts, in lower case.
    schemes: frozenset[str]
    #: The hosts and ports of its parts, without users and passwords.
    addresses: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """Parse a URL.

        Raises:
            ValueError: It is not a URL. The message does not repeat it.
        """
        schemes, addresses = set(), []
        for url in text.split(";"):
            try:
                parts = urlsplit(url.strip())
                port = parts.port
            except ValueError:
                raise ValueError("it is not a URL") from None
            if not parts.scheme or "://" not in url:
                raise ValueError("it is not a URL; it should begin with a scheme such as amqp://")
            schemes.add(parts.scheme)
            host = parts.hostname or "localhost"
            addresses.append(host if port is None else f"{host}:{port}")
        return cls(text, frozenset(schemes), tuple(addresses))

    @property
    def address(self) -> str:
        """The hosts and ports, for messages."""
        return ", ".join(self.addresses)

    def __str__(self) -> str:
        return mask_url(self.text)

    def __repr__(self) -> str:
        return f"BrokerUrl({str(self)!r})"
