"""`ServerUrl`: the URL of a server, as a user writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from actionhero import ConfigurationError
from actionhero.transport import is_loopback

#: The path of the document, below the prefix of the API.
DOCUMENT_PATH: Final = "/swagger"
#: `web.prefix` by default.
_DEFAULT_PREFIX: Final = "/api"


@dataclass(frozen=True)
class ServerUrl:
    """The URL of a server, with the prefix of its API or without a path."""

    #: Scheme, host, and port unless it is the default.
    origin: str
    #: The path, without a slash at the end; often empty.
    path: str
    host: str
    is_https: bool

    @classmethod
    def parse(cls, text: str, source: str) -> ServerUrl:
        """Parse a URL.

        Args:
            text: The URL.
            source: The option, the variable or the file that contains it, for errors.

        Raises:
            ConfigurationError: It is no URL of a server.
        """
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ConfigurationError(f"{source} is not a URL: {error}") from None
        _check(parts, source)
        assert host is not None  # noqa: S101 - checked
        address = f"[{host}]" if ":" in host else host
        default = 443 if parts.scheme == "https" else 80
        suffix = "" if port in (None, default) else f":{port}"
        path = parts.path.rstrip("/").removesuffix(DOCUMENT_PATH)
        return cls(f"{parts.scheme}://{address}{suffix}", path, host, parts.scheme == "https")

    def __str__(self) -> str:
        return self.origin + self.path

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        return self.host.endswith(".localhost") or is_loopback(self.host)

    @property
    def api_urls(self) -> list[str]:
        """The URLs that the API may have: with the path, or with the prefix by default."""
        return [str(self)] if self.path else [self.origin + _DEFAULT_PREFIX, self.origin]


def _check(parts: SplitResult, source: str) -> None:
    """Raise an error, without the URL: it may contain a password."""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"{source} is not the URL of a server; write it like https://example.com"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"{source} contains a user name or a password; remove them, and log in with "
            "'actionhero login'"
        )
    if parts.query or parts.fragment or not all("!" <= c <= "~" for c in parts.netloc + parts.path):
        raise ConfigurationError(
            f"{source} contains more than scheme, host, port and a path in ASCII; write it like "
            "https://example.com/api"
        )
