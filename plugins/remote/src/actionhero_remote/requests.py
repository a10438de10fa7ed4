"""`ActionRequest`: the request of a call, built from the texts of its options."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import aiohttp

from actionhero import ErrorType, File, InvalidInput, Problem
from actionhero.transport import IDEMPOTENCY_KEY, find_unsupported, pointer_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from actionhero_remote.document import RemoteAction

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
_CHUNK_BYTES: Final = 64 * 1024


class ActionRequest:
    """The request of a call.

    All inputs are sent as text, in the path, the query, headers or a form: the server converts
    them to their types by the same rules as a local call.

    Args:
        action: The action.
        texts: The values of the options, by input: texts and files.
        idempotency_key: Identifies the call, for repetitions; `None`: it has no key.

    Raises:
        InvalidInput: A value cannot be sent.
    """

    def __init__(
        self,
        action: RemoteAction,
        texts: Mapping[str, list[Any]],
        idempotency_key: str | None = None,
    ) -> None:
        _refuse_unsupported(texts)
        self.method = action.method
        self.headers: list[tuple[str, str]] = []
        if idempotency_key is not None:
            self.headers.append((IDEMPOTENCY_KEY, _key_value(idempotency_key)))
        self._fields: list[tuple[str, str | File]] = []
        path, cookies = action.path, SimpleCookie()
        rest = dict(texts)
        for description, location, key in action.inputs:
            values = rest.pop(description.name, [])
            if location == "path":
                value = _path_value(description.name, values)
                path = path.replace(f"{{{key}}}", quote(value, safe=""))
            elif location == "header":
                self.headers += [(key, _header_value(description.name, v)) for v in values]
            elif location == "cookie":
                for value in values:
                    cookies[key] = value
            else:
                self._fields += [(key, value) for value in values]
        self._fields += [(name, value) for name, values in rest.items() for value in values]
        #: The `Cookie` header of inputs in cookies, without its name.
        self.cookies = [f"{m.key}={m.coded_value}" for m in cookies.values()]
        #: The path below the prefix of the API, with the query, encoded.
        self.target = path
        if self.method in _WITHOUT_BODY and self._fields:
            self.target += "?" + urlencode(self._fields)

    def body(self) -> aiohttp.FormData | None:
        """Return the body."""
        if self.method in _WITHOUT_BODY or not self._fields:
            return None
        # Names of files are UTF-8, as browsers send them.
        form = aiohttp.FormData(quote_fields=False)
        for name, value in self._fields:
            if isinstance(value, File):
                form.add_field(
                    name,
                    _chunks(value),
                    content_type=value.content_type,
                    filename=value.name.encode(errors="replace").decode(),
                )
            else:
                form.add_field(name, value)
        return form


async def _chunks(file: File) -> AsyncIterator[bytes]:
    """Yield the content from its position: it may be a pipe."""
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk


def _path_value(name: str, values: list[Any]) -> str:
    """Return the value of a parameter of the path, which can be neither empty nor dots."""
    if not (values and values[-1]):
        message = f"Missing required param: {name}"
        problem = Problem(pointer_to((name,)), message, "missing")
        raise InvalidInput(message, type=ErrorType.PARAM_REQUIRED, key=name, problems=(problem,))
    value = str(values[-1])
    if value in (".", ".."):
        # Clients and proxies remove such segments, also encoded ones: another action would run.
        message = f"Input is {value!r}, which a path cannot contain"
        problem = Problem(pointer_to((name,)), message, "path")
        raise InvalidInput(message, type=ErrorType.PARAM_VALIDATION, key=name, problems=(problem,))
    return value


def _key_value(key: str) -> str:
    # Other characters would be changed or left out on the way, which makes another key.
    if not (key.strip() and key.isascii() and key.isprintable()):
        raise _invalid_header(IDEMPOTENCY_KEY, "The key must be visible ASCII characters")
    return key


def _header_value(name: str, value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise _invalid_header(name, "Input contains a line break, which a header cannot have")
    return value


def _invalid_header(name: str, message: str) -> InvalidInput:
    problem = Problem(pointer_to((name,)), message, "header")
    return InvalidInput(message, type=ErrorType.PARAM_REQUIRED, key=name, problems=(problem,))


def _refuse_unsupported(texts: Mapping[str, list[Any]]) -> None:
    # One text is the value, as the server shows it.
    values = {name: each[0] if len(each) == 1 else each for name, each in texts.items()}
    problems = tuple(
        Problem(pointer_to(fault.location), fault.message, fault.type)
        for fault in find_unsupported(values)
    )
    if problems:
        key = str(next(iter(find_unsupported(values))).location[0])
        raise InvalidInput(
            problems[0].message, type=ErrorType.PARAM_REQUIRED, key=key, problems=problems
        )
