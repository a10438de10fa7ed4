"""What keeps secrets out of log lines, errors and traces."""

from __future__ import annotations

import datetime
import decimal
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Value = TypeVar("Value")

#: Replaces a secret input in log lines, errors and listings.
REDACTED: Final = "[redacted]"
#: Replaces a secret setting, and a password in a URL.
MASK: Final = "******"

#: Keys whose values are secret whoever logs them, in lower case, without `_` and `-`. A longer key
#: that ends like one of them is meant too: `csrf_token`, `databasePassword`.
SENSITIVE_KEYS: Final = frozenset(
    {
        "accesskey", "apikey", "authorization", "cookie", "credential", "csrf", "encryptionkey",
        "jwt", "passphrase", "passwd", "password", "passwordhash", "privatekey", "secret",
        "secretkey", "sessionid", "signingkey", "token",
    }
)  # fmt: skip
# Too short to be the end of a word: `compass`, `shipping`.
_SENSITIVE_ALONE: Final = frozenset({"auth", "otp", "pass", "pin", "pw", "pwd", "sid"})
_SENSITIVE_ENDINGS: Final = (*SENSITIVE_KEYS, *(f"{key}s" for key in SENSITIVE_KEYS))

# How many values of one call are shown at most, whatever a stranger sends.
_MOST_VALUES: Final = 500
# Nothing that is logged is nested deeper, unless it contains itself.
_MOST_LEVELS: Final = 64
_ELLIPSIS: Final = "…"

# A shorter secret is a part of too many words.
_SHORTEST_ANYWHERE: Final = 4
# A longer one is replaced without a pattern, which would take a while to compile.
_LONGEST_IN_PATTERN: Final = 1000

_PLAIN: Final = frozenset({int, float, bool, type(None)})
_SHOWN_AS_TEXT: Final = (
    int, float, decimal.Decimal, uuid.UUID, datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip

# Shorter runs stand in most texts by chance.
_RUN: Final = re.compile(r"[A-Za-z0-9]{4,}")
_SENSITIVE_PARAMETER: Final = r"([?&][\w.-]*(?:password|passwd|pwd|secret|token|key)=)"
#: A query parameter that holds a secret, in running text.
SECRET_IN_QUERY: Final = re.compile(_SENSITIVE_PARAMETER + r"[^&#\s]*", re.IGNORECASE)
# In a text that is one URL, a space belongs to the value.
_WHOLE_PARAMETER: Final = re.compile(_SENSITIVE_PARAMETER + r"[^&#]*", re.IGNORECASE)
_URL_SEPARATOR: Final = re.compile(r"([;,]\s*(?=[A-Za-z][A-Za-z0-9+.-]*://))")
_END_OF_URL: Final = re.compile(r"[\s\"'<>]")
_END_OF_AUTHORITY: Final = re.compile(r"[/?#]")
_QUERY: Final = re.compile(r"\?[\w.%-]+=")
_PORT: Final = re.compile(r"[0-9]{0,5}")


class SecretMarker:
    """Marks a field whose value is never shown; `Secret[...]` puts it on."""

    is_secret = True

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        schema["writeOnly"] = True
        if schema.get("type") == "string":
            schema.setdefault("format", "password")
        return schema

    def __repr__(self) -> str:
        return "SecretMarker()"


#: `password: Secret[str]`: the value is left out of logs, errors, listings and `repr`.
Secret = Annotated[Value, SecretMarker()]


def redact(value: Any, secret_names: frozenset[str], limit: int | None = 100) -> Any:
    """Return a copy of `value` that may be shown.

    Whatever has a name of `secret_names`, however deep, becomes `REDACTED`. Models and dataclasses
    become dictionaries; bytes and files tell their size only.

    Args:
        value: Mostly a mapping of inputs by name.
        secret_names: Names of what is secret.
        limit: Text is cut after so many characters, and of all values no more than 500 are kept;
            `None`: nothing is cut.
    """
    return _shown(value, secret_names, limit, [_MOST_VALUES], 0)


def _shown(
    value: Any, secret_names: frozenset[str], limit: int | None, left: list[int], level: int
) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str or isinstance(value, str):
        if limit is not None and len(value) > limit:
            return value[:limit] + _ELLIPSIS
        return value
    items = value if kind is dict else _items(value)
    if items is None:
        return _shown_leaf(value)
    if level >= _MOST_LEVELS:
        return _ELLIPSIS
    step = 0 if limit is None else 1
    if isinstance(items, (dict, Mapping)):  # the first is the quick way
        shown = {}
        for name, item in items.items():
            if left[0] <= 0:
                shown[_ELLIPSIS] = _ELLIPSIS
                break
            left[0] -= step
            if name in secret_names:
                shown[name] = REDACTED
            else:
                shown[name] = _shown(item, secret_names, limit, left, level + 1)
        return shown
    values = []
    for item in items:
        if left[0] <= 0:
            values.append(_ELLIPSIS)
            break
        left[0] -= step
        values.append(_shown(item, secret_names, limit, left, level + 1))
    return values


def _shown_leaf(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if hasattr(value, "get_secret_value"):
        return REDACTED
    if _is_file(value):
        return f"<file of {value.size} bytes>"
    return value


def _items(value: Any) -> Mapping[Any, Any] | Iterable[Any] | None:
    """Return what is inside of `value`: by name, or one after another; `None` for a leaf."""
    if isinstance(value, Mapping | list | tuple | Set):
        return value
    if hasattr(value, "__pydantic_fields__") and not isinstance(value, type):
        extra = getattr(value, "__pydantic_extra__", None)
        return {**value.__dict__, **extra} if extra else dict(value.__dict__)
    is_dataclass = hasattr(value, "__dataclass_fields__") and not isinstance(value, type)
    if is_dataclass and not _is_file(value):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return None


def _is_file(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("content_type", "size", "read"))


def is_sensitive(key: object) -> bool:
    """Tell whether what is logged under `key` must not be read; see `SENSITIVE_KEYS`."""
    if not isinstance(key, str):
        return False
    squeezed = key.lower().replace("_", "").replace("-", "")
    return squeezed.endswith(_SENSITIVE_ENDINGS) or squeezed in _SENSITIVE_ALONE


def redact_sensitive(value: Any) -> Any:
    """Return a copy of `value` in which all that stands under a sensitive key is `REDACTED`."""
    return _without_sensitive(value, 0)


def _without_sensitive(value: Any, level: int) -> Any:
    if isinstance(value, str) or type(value) in _PLAIN:
        return value
    items = _items(value)
    if items is None:
        return value
    if level >= _MOST_LEVELS:
        return _ELLIPSIS
    if isinstance(items, Mapping):
        return {
            name: REDACTED if is_sensitive(name) else _without_sensitive(item, level + 1)
            for name, item in items.items()
        }
    return [_without_sensitive(item, level + 1) for item in items]


def mask_url(url: str) -> str:
    """Return a URL with its secrets masked: `redis://:******@host?token=******`.

    The whole text is one URL, or several that `;` or `,` separates. The password may contain an
    unencoded `/`, `@` or space. Use `mask_urls` for URLs in running text.
    """
    masked = "".join(
        _mask_password(part) if "://" in part else part for part in _URL_SEPARATOR.split(url)
    )
    return _WHOLE_PARAMETER.sub(rf"\1{MASK}", masked)


def mask_urls(text: str) -> str:
    """Return `text` with the secrets of every URL in it masked.

    A URL ends at white space, a quote, `<` or `>`.
    """
    first, *rest = text.split("://")
    parts = [first]
    for part in rest:
        end = _END_OF_URL.search(part)
        length = end.start() if end else len(part)
        parts += _mask_password("://" + part[:length]), part[length:]
    return SECRET_IN_QUERY.sub(rf"\1{MASK}", "".join(parts))


def _mask_password(url: str) -> str:
    """Mask the text between the first `:` of the user part and the last `@` of the authority."""
    start = url.index("://") + len("://")
    rest = url[start:]
    end = _END_OF_AUTHORITY.search(rest)
    authority = rest[: end.start()] if end else rest
    user, colon, password = authority.partition(":")
    is_port = _PORT.fullmatch(password) is not None and user != ""
    if not colon or user.startswith("[") or is_port:
        return url
    # An `@` after the end of the authority may be part of an unencoded password, but not one in
    # the query, unless there is no other.
    query = _QUERY.search(rest)
    at = rest.rfind("@", 0, query.start()) if query else rest.rfind("@")
    if at <= len(user):
        at = rest.rfind("@")
    if at <= len(user):
        return url
    return f"{url[: start + len(user) + 1]}{MASK}{rest[at:]}"


class Scrubber:
    """Takes the secrets of one call out of any text, in whatever form they may be written there.

    Made on the way of an error only.

    Args:
        secrets: The values. Booleans and `None` are none.
    """

    __slots__ = ("_long", "_marks", "_pattern", "_texts")

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        self._texts = [
            text for secret in secrets for text in _texts(secret, 0) if text and not text.isspace()
        ]
        # Letters and digits stay as they are in every form that a secret is written in. Where the
        # longest run of them does not stand, no form of the secret can.
        self._marks = [max(_RUN.findall(text), key=len, default="") for text in self._texts]
        self._long: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    def _work_out(self) -> re.Pattern[str]:
        """Work out every form of every secret; most texts hold none, and never get here."""
        forms = {form for text in self._texts for form in _forms(text)}
        # The longest first: a secret may be a part of another one.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._long = tuple(form for form in ordered if len(form) > _LONGEST_IN_PATTERN)
        pattern = "|".join(_pattern_of(form) for form in ordered[len(self._long) :])
        # Nothing but long ones: an expression that never fits.
        return re.compile(pattern or "(?!)")

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any], secret_names: frozenset[str]) -> Scrubber:
        """Return one for all that has a name of `secret_names` in `inputs`, however deep."""
        return cls(_secrets(inputs, secret_names, 0)) if secret_names else _NOTHING

    def scrub(self, text: str) -> str:
        """Return `text` with `REDACTED` in place of every secret."""
        if not any(mark in text for mark in self._marks):
            return text
        if self._pattern is None:
            self._pattern = self._work_out()
        for secret in self._long:
            text = text.replace(secret, REDACTED)
        return self._pattern.sub(REDACTED, text)


def _secrets(value: Any, secret_names: frozenset[str], level: int) -> Iterator[Any]:
    items = None if isinstance(value, str) else _items(value)
    if items is None or level >= _MOST_LEVELS:
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
    """Return the leaves of `secret` as text."""
    if hasattr(secret, "get_secret_value"):
        secret = secret.get_secret_value()
    if isinstance(secret, str):
        yield str.__str__(secret)
    elif isinstance(secret, bytes | bytearray):
        yield repr(bytes(secret))[2:-1]
        yield secret.decode(errors="replace")
    elif isinstance(secret, bool) or level >= _MOST_LEVELS:
        return
    elif isinstance(secret, _SHOWN_AS_TEXT):
        yield str(secret)
    elif (items := _items(secret)) is not None:
        for item in items.values() if isinstance(items, Mapping) else items:
            yield from _texts(item, level + 1)


def _forms(secret: str) -> Iterator[str]:
    """Return what `secret` looks like in a traceback, in JSON, in a URL."""
    if not secret.strip():
        return
    plain = secret.encode(errors="replace")
    quoted = repr(secret)[1:-1]
    yield secret
    yield quoted
    # In text with both kinds of quotes, these are escaped.
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
    return escaped if len(form) >= _SHORTEST_ANYWHERE else rf"(?<!\w){escaped}(?!\w)"


_NOTHING: Final = Scrubber()
