"""`Credential`: a token or a session cookie, whose value is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from actionhero import ConfigurationError
from actionhero.transport import HEADER_NAME


@dataclass(frozen=True)
class Credential:
    """The credentials of a user.

    Args:
        value: The token, or the value of the cookie.
        kind: `token` or `session`.
        name: The name of the cookie.
    """

    value: str = field(repr=False)
    kind: Literal["token", "session"] = "token"
    name: str = ""

    @classmethod
    def token(cls, text: str, source: str) -> Credential:
        """Return a token.

        Args:
            text: The token; white space around it is removed.
            source: The option or the variable that contains it, for errors.

        Raises:
            ConfigurationError: It is empty, or contains characters that no header can have.
        """
        value = text.strip()
        if not value or not all("!" <= character <= "~" for character in value):
            # Without the text, which is a secret.
            raise ConfigurationError(
                f"the token of {source} is empty, or contains spaces or other characters that are "
                "not printable ASCII"
            )
        return cls(value)

    def headers(self, scheme: TokenScheme | None = None) -> dict[str, str]:
        """Return the headers of a request with these credentials."""
        if self.kind == "session":
            return {"Cookie": f"{self.name}={self.value}"}
        scheme = scheme or TokenScheme()
        return {scheme.header: f"{scheme.prefix}{self.value}"}


@dataclass(frozen=True)
class TokenScheme:
    """The header of a token."""

    header: str = "Authorization"
    prefix: str = "Bearer "


def token_scheme(schemes: dict[str, Any]) -> TokenScheme:
    """Return the header of tokens, by the security schemes of an OpenAPI document.

    It is `Authorization: Bearer`, unless the server knows only other headers or schemes.

    Raises:
        ValueError: A name is not one of a header.
    """
    others: list[TokenScheme] = []
    for scheme in schemes.values():
        match scheme:
            case {"type": "http", "scheme": str(name)} if name.lower() != "bearer":
                others.append(TokenScheme(prefix=f"{check_header_name(name)} "))
            case {"type": "http" | "oauth2" | "openIdConnect"}:
                return TokenScheme()
            case {"type": "apiKey", "in": "header", "name": str(name)}:
                others.append(TokenScheme(check_header_name(name), ""))
    return others[0] if others else TokenScheme()


def check_header_name(name: str) -> str:
    """Return the name of a header or a cookie, or a scheme.

    Raises:
        ValueError: It contains characters that none of them has.
    """
    if not HEADER_NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} of a header")
    return name
