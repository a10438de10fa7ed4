"""`Tokens`: access and refresh tokens, and the tokens of forms, authenticated by one key.

A token is the identifier of its grant, a generation, and a message authentication code of both.
So nothing is stored that a thief of the database could use, and a client that repeats a request
gets the same tokens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["access", "refresh"]

_PREFIXES: Final[dict[Kind, str]] = {"access": "aha_", "refresh": "ahr_"}
_PURPOSE: Final = b"actionhero.oauth"
#: No token is longer, so longer ones are refused before they are read.
_MAX_LENGTH: Final = 200
#: 2^63, which Redis counts to.
_MAX_DIGITS: Final = 19
#: A code verifier (RFC 7636 §4.1).
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class ParsedToken(NamedTuple):
    """An authentic token."""

    kind: Kind
    grant_id: str
    generation: int


def new_secret() -> str:
    """Return a random text of 256 bits, for codes and identifiers of requests."""
    return secrets.token_urlsafe(32)


def new_grant_id() -> str:
    """Return a random identifier of 128 bits, which is not secret."""
    return secrets.token_urlsafe(16)


def digest(secret: str) -> str:
    """Return the SHA-256 digest under which a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Tokens:
    """Makes and verifies tokens.

    Args:
        secret_key: Returns `app.secret_key`, from which the key is derived; called on first use.
    """

    def __init__(self, secret_key: Callable[[], str]) -> None:
        self._secret_key = secret_key
        self._key = b""

    def make(self, kind: Kind, grant_id: str, generation: int) -> str:
        """Return the token of a grant and a generation."""
        body = f"{_PREFIXES[kind]}{grant_id}.{generation}"
        return f"{body}.{self._code(body)}"

    def parse(self, token: str) -> ParsedToken | None:
        """Return the parts of an authentic token; `None` for any other text."""
        if len(token) > _MAX_LENGTH or not token.isascii():
            return None
        body, dot, code = token.rpartition(".")
        if not dot or not hmac.compare_digest(code, self._code(body)):
            return None
        for kind, prefix in _PREFIXES.items():
            grant_id, _, generation = body.removeprefix(prefix).partition(".")
            if body.startswith(prefix) and generation.isdigit() and len(generation) < _MAX_DIGITS:
                return ParsedToken(kind, grant_id, int(generation))
        return None

    @staticmethod
    def is_challenge(verifier: str, challenge: str) -> bool:
        """Return whether a code verifier belongs to a challenge, by S256 (RFC 7636 §4.6)."""
        if not _VERIFIER.fullmatch(verifier):
            return False
        computed = _base64(hashlib.sha256(verifier.encode()).digest())
        return hmac.compare_digest(computed.encode(), challenge.encode())

    def form_token(self, *parts: str) -> str:
        """Return the token of a form, bound to a request and the session of the user."""
        return self._code("form\0" + "\0".join(parts))

    def is_form_token(self, token: str, *parts: str) -> bool:
        """Return whether that is the token of a form, in constant time."""
        return hmac.compare_digest(token.encode(), self.form_token(*parts).encode())

    def _code(self, text: str) -> str:
        if not self._key:
            self._key = hmac.digest(self._secret_key().encode(), _PURPOSE, "sha256")
        return _base64(hmac.digest(self._key, text.encode(), "sha256"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
