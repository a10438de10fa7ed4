"""Redaction of secrets in log lines, errors and listings, and of passwords in URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Value = TypeVar("Value")

#: Replaces a secret input in log lines, errors and listings.
REDACTED: Final = "[redacted]"
#: Replaces a secret setting, and a password in a URL.
MASK: Final = "******"

#: Keys whose values are secret in any log line, in lower case, without `_` and `-`. A longer key
#: with one of these endings is sensitive too: `csrf_token`, `databasePassword`.
SENSITIVE_KEYS: Final = frozenset(
    {
        "accesskey", "apikey", "authorization", "cookie", "credential", "csrf", "encryptionkey",
        "jwt", "passphrase", "passwd", "password", "passwordhash", "privatekey", "secret",
        "secretkey", "sessionid", "signingkey", "token",
    }
)  # fmt: skip
# Sensitive as a whole key only: `compass` and `shipping` end like some of them.
_SENSITIVE_WORDS: Final = frozenset({"auth", "otp", "pass", "pin", "pw", "pwd", "sid"})
_SENSITIVE_ENDINGS: Final = (*SENSITIVE_KEYS, *(f"{key}s" for key in SENSITIVE_KEYS))

# The maximum number of values in the log line of one call.
_MAX_VALUES: Final = 500
# The maximum nesting depth; a value that contains itself would have no end.
_MAX_DEPTH: Final = 64
_ELLIPSIS: Final = "…"

_SCALARS: Final = frozenset({int, float, bool, type(None)})
_SENSITIVE_PARAMETER: Final = (
    r"([?&#;][\w.-]*(?:password|passphrase|passwd|pass|pwd|secret|token|key)=)"
)
# A query parameter with a secret, in running text.
_RUNNING_PARAMETER: Final = re.compile(_SENSITIVE_PARAMETER + r"[^&#\s]*", re.IGNORECASE)
# In a text that is one URL, a space belongs to the value.
_WHOLE_PARAMETER: Final = re.compile(_SENSITIVE_PARAMETER + r"[^&#]*", re.IGNORECASE)
_URL_SEPARATOR: Final = re.compile(r"([;,]\s*(?=[A-Za-z][A-Za-z0-9+.-]*://))")
_END_OF_URL: Final = re.compile(r"[\s\"'<>]")
_END_OF_AUTHORITY: Final = re.compile(r"[/?#]")
_QUERY: Final = re.compile(r"\?[\w.%-]+=")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*$")
# In their paths an `@` is common, and in their authority a password is not.
_WEB_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})


class SecretMarker:
    """Marks a field whose value is redacted; part of `Secret[...]`."""

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


#: `password: Secret[str]`: the value does not appear in logs, errors, listings and `repr`.
Secret = Annotated[Value, SecretMarker()]


def redact(value: Any, secret_names: frozenset[str], limit: int | None = 100) -> Any:
    """Return a copy of `value` without secrets.

    Values with a name in `secret_names` become `REDACTED` at any depth. Models and dataclasses
    become dictionaries; bytes and files are replaced by their size.

    Args:
        value: Mostly a mapping of inputs by name.
        secret_names: The names of secret values.
        limit: The maximum length of a text; also limits the copy to 500 values. `None`: unlimited.
    """
    return _redacted(value, secret_names, limit, [_MAX_VALUES], 0)


def _redacted(
    value: Any, secret_names: frozenset[str], limit: int | None, remaining: list[int], level: int
) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is str or isinstance(value, str):
        if limit is not None and len(value) > limit:
            return value[:limit] + _ELLIPSIS
        return value
    items = value if kind is dict else children_of(value)
    if items is None:
        return _redacted_leaf(value)
    if level >= _MAX_DEPTH:
        return _ELLIPSIS
    step = 0 if limit is None else 1
    if isinstance(items, (dict, Mapping)):  # `dict` first: the common case
        copy = {}
        for name, item in items.items():
            if remaining[0] <= 0:
                copy[_ELLIPSIS] = _ELLIPSIS
                break
            remaining[0] -= step
            if name in secret_names:
                copy[name] = REDACTED
            else:
                copy[name] = _redacted(item, secret_names, limit, remaining, level + 1)
        return copy
    values = []
    for item in items:
        if remaining[0] <= 0:
            values.append(_ELLIPSIS)
            break
        remaining[0] -= step
        values.append(_redacted(item, secret_names, limit, remaining, level + 1))
    return values


def _redacted_leaf(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if hasattr(value, "get_secret_value"):
        return REDACTED
    if _is_file(value):
        return f"<file of {value.size} bytes>"
    return value


def children_of(value: Any) -> Mapping[Any, Any] | Iterable[Any] | None:
    """Return the fields or items of `value`, by name where there are names; `None` for a leaf."""
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
    """Return whether a value that is logged as `key` is secret; see `SENSITIVE_KEYS`."""
    if not isinstance(key, str):
        return False
    normalized = key.lower().replace("_", "").replace("-", "")
    return normalized.endswith(_SENSITIVE_ENDINGS) or normalized in _SENSITIVE_WORDS


def redact_sensitive(value: Any) -> Any:
    """Return a copy of `value` with the values of sensitive keys replaced by `REDACTED`."""
    return _without_sensitive(value, 0)


def _without_sensitive(value: Any, level: int) -> Any:
    if isinstance(value, str) or type(value) in _SCALARS:
        return value
    items = children_of(value)
    if items is None:
        return value
    if level >= _MAX_DEPTH:
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
        scheme = _SCHEME.search(parts[-1])
        url = f"{scheme[0] if scheme else ''}://{part[:length]}"
        parts += _mask_password(url)[len(scheme[0]) if scheme else 0 :], part[length:]
    return _RUNNING_PARAMETER.sub(rf"\1{MASK}", "".join(parts))


def _mask_password(url: str) -> str:
    """Mask the text between the first `:` of the user part and the last `@` of the authority."""
    scheme_end = url.index("://")
    start = scheme_end + len("://")
    rest = url[start:]
    end = _END_OF_AUTHORITY.search(rest)
    authority = rest[: end.start()] if end else rest
    user, colon, password = authority.partition(":")
    if not colon or user.startswith("["):
        return url
    scheme = _SCHEME.search(url[:scheme_end])
    is_port = user != "" and _PORT.fullmatch(password) is not None
    if is_port and scheme and scheme[0].lower() in _WEB_SCHEMES:
        return url
    # An `@` after the end of the authority may be part of an unencoded password, but not one in
    # the query, unless there is no other.
    query = _QUERY.search(rest)
    at = rest.rfind("@", 0, query.start()) if query else rest.rfind("@")
    if at <= len(user) and not is_port and password:
        at = rest.rfind("@")
    if at <= len(user):
        return url
    return f"{url[: start + len(user) + 1]}{MASK}{rest[at:]}"
