"""`Client`: an application that asks users for access."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from actionhero_oauth.redirects import is_loopback, is_registered

#: The longest name of a client.
_MAX_NAME: Final = 100
#: Letters and symbols without a shape, of which a name could consist.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def display_name(text: str) -> str:
    """Return the name that a client states, without characters that disguise it or its context.

    Such as those that change the direction of text, or that control a terminal.
    """
    visible = "".join(
        " " if char.isspace() else char
        for char in text[:_MAX_NAME]
        if char.isspace() or (char not in _BLANK and not unicodedata.category(char).startswith("C"))
    )
    return " ".join(visible.split())


class ClientKind(StrEnum):
    """How a client is known."""

    #: By the settings.
    KNOWN = "known"
    #: By its metadata document, whose host vouches for it.
    DOCUMENT = "document"
    #: By itself: its name may be false.
    REGISTERED = "registered"


class Client(NamedTuple):
    """A client of the authorization server."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    kind: ClientKind
    #: The secret; empty for a public client.
    secret: str = ""

    def __repr__(self) -> str:
        # Without the secret.
        return f"<Client {self.id}>"

    def accepts(self, redirect_uri: str) -> bool:
        """Return whether a redirect URI is one of this client."""
        return is_registered(redirect_uri, self.redirect_uris)

    def has_secret(self, secret: str) -> bool:
        """Return whether that is its secret, in constant time."""
        return hmac.compare_digest(self.secret.encode(), secret.encode())

    @property
    def host(self) -> str:
        """The host that vouches for the client; empty if none does."""
        return (urlsplit(self.id).hostname or "") if self.kind is ClientKind.DOCUMENT else ""

    def is_trustworthy(self, redirect_uri: str) -> bool:
        """Return whether a consent may be remembered.

        Any program can claim to be a client that registered itself, or that is on the machine of
        the user.
        """
        return self.kind is not ClientKind.REGISTERED and not is_loopback(redirect_uri)


#: Returns the scopes that a user may grant to a client, of those that are requested.
ConsentPolicy: TypeAlias = Callable[[Any, Client, frozenset[str]], Collection[str]]
