"""The scrubber, which removes the secret inputs of a call from any text."""

from __future__ import annotations

import datetime
import decimal
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from actionhero.redaction import REDACTED, children_of

# A value that contains itself would have no end.
_MAX_DEPTH: Final = 64
# Shorter secrets are replaced as whole words only.
_MIN_LENGTH_IN_WORDS: Final = 4
# Longer secrets are replaced without a pattern, which would take long to compile.
_MAX_PATTERN_LENGTH: Final = 1000

_CONVERTED_TYPES: Final = (
    int, float, decimal.Decimal, uuid.UUID, datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip

#: A text is replaced as a whole if its length times the number of secrets, or of their forms, is
#: larger, or if the forms in it are longer together: to find and replace them would take seconds.
_MAX_COMPARISONS: Final = 100_000_000
_MAX_PATTERNS_LENGTH: Final = 50_000

# Shorter runs occur in most texts by chance.
_RUN: Final = re.compile(r"[A-Za-z0-9]{4,}")


class Scrubber:
    """Replaces the secrets of one call in any text, in all the forms in which they are written.

    Created for errors only.

    Args:
        secrets: The values. Booleans and `None` are ignored.
    """

    __slots__ = ("_is_overloaded", "_runs")

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        #: Whether texts are replaced without a search for secrets.
        self._is_overloaded = False
        #: A part of each secret that all its forms have.
        self._runs = {
            text: _run_of(text)
            for secret in secrets
            for text in _texts(secret, 0)
            if text and not text.isspace()
        }

    def narrowed(self, text: str) -> Scrubber:
        """Return a scrubber of the secrets that `text` may contain, for many parts of it."""
        narrowed = Scrubber()
        secrets = self._secrets_in(text)
        narrowed._is_overloaded = secrets is None
        narrowed._runs = {secret: self._runs[secret] for secret in secrets or ()}
        return narrowed

    @classmethod
    def from_inputs(cls, inputs: Any, secret_names: frozenset[str]) -> Scrubber:
        """Return a scrubber of the inputs with a name in `secret_names`, at any depth."""
        return cls(_secrets(inputs, secret_names, 0)) if secret_names else _EMPTY

    @staticmethod
    def secrets_of(inputs: Any, secret_names: frozenset[str]) -> list[Any]:
        """Return the inputs with a name in `secret_names`, at any depth."""
        return list(_secrets(inputs, secret_names, 0)) if secret_names else []

    def scrub(self, text: str) -> str:
        """Return `text` with every secret replaced by `REDACTED`."""
        secrets = self._secrets_in(text)
        if not secrets:
            return text if secrets is not None else REDACTED
        all_forms = {form for secret in secrets for form in _forms(secret)}
        if len(all_forms) * len(text) > _MAX_COMPARISONS:
            return REDACTED
        # The longest first: a secret may be part of another one.
        forms = sorted((form for form in all_forms if form in text), key=_order)
        long = [form for form in forms if len(form) > _MAX_PATTERN_LENGTH]
        if sum(map(len, forms[len(long) :])) > _MAX_PATTERNS_LENGTH:
            return REDACTED
        for form in long:
            text = text.replace(form, REDACTED)
        pattern = "|".join(map(_pattern_of, forms[len(long) :]))
        return re.sub(pattern, REDACTED, text) if pattern else text

    def _secrets_in(self, text: str) -> list[str] | None:
        """Return the secrets that a text may contain; `None` if to find them takes too long."""
        if self._is_overloaded or len(self._runs) * len(text) > _MAX_COMPARISONS:
            return None
        return [secret for secret, run in self._runs.items() if run in text]


def _order(form: str) -> tuple[int, str]:
    return -len(form), form


def _run_of(secret: str) -> str:
    """Return a text that all forms of a secret contain, so that most texts need no pattern.

    Letters and digits are the same in every form.
    """
    if secret.isascii() and secret.isalnum():
        return secret
    return max(_RUN.findall(secret), key=len, default="")


def _secrets(value: Any, secret_names: frozenset[str], level: int) -> Iterator[Any]:
    items = None if isinstance(value, str) else children_of(value)
    if items is None or level >= _MAX_DEPTH:
        return
    if isinstance(items, Mapping):
        for name, item in items.items():
            if name in secret_names:
                yield item
            else:
                yield from _secrets(item, secret_names, level + 1)
    else:
        for item in items:
            yield from _secrets(item, secret_names, level + 1)


def _texts(secret: Any, level: int) -> Iterator[str]:
    """Yield the leaves of `secret` as text."""
    if hasattr(secret, "get_secret_value"):
        secret = secret.get_secret_value()
    if isinstance(secret, str):
        yield str.__str__(secret)
    elif isinstance(secret, bytes | bytearray):
        yield repr(bytes(secret))[2:-1]
        yield secret.decode(errors="replace")
    elif isinstance(secret, bool) or level >= _MAX_DEPTH:
        return
    elif isinstance(secret, _CONVERTED_TYPES):
        yield str(secret)
    elif (items := children_of(secret)) is not None:
        for item in items.values() if isinstance(items, Mapping) else items:
            yield from _texts(item, level + 1)


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of `secret` in a traceback, in JSON and in a URL."""
    if not secret.strip():
        return
    if secret.isascii() and secret.isalnum():
        yield secret
        return
    plain = secret.encode(errors="replace")
    quoted = repr(secret)[1:-1]
    yield secret
    yield quoted
    # `repr` escapes single quotes in a text with both kinds of quotes.
    yield quoted.replace("'", "\\'")
    yield repr(plain)[2:-1]
    for ascii_only in (False, True):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]
    for encoded in (quote(plain, safe=""), quote(plain), quote_plus(plain)):
        yield encoded
        yield re.sub("%..", lambda match: match[0].lower(), encoded)


def _pattern_of(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _MIN_LENGTH_IN_WORDS else rf"(?<!\w){escaped}(?!\w)"


_EMPTY: Final = Scrubber()
