"""The HTTP route of an action: `Route`, for authors. This module imports no server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from actionhero_web.routes.percent_encoding import percent_decode

#: The methods of routes. `OPTIONS` is handled by the server.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

#: The status of a success: a number, or a function of the value that the action returned.
Status: TypeAlias = int | Callable[[Any], int]

_ROUTE_FORMS: Final = (
    "'PUT /user', Route.put('/user'), a mapping with method and path, or a list of these"
)
_KEYS: Final = ("method", "path", "status")


class Segment(NamedTuple):
    """One segment of a path, between two slashes."""

    #: The decoded text, or the name of the parameter.
    text: str
    is_parameter: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template, such as `GET /user/{id}`.

    A parameter matches one whole segment. Paths are case-sensitive, a trailing slash is ignored,
    and the server's prefix (`/api`) is not part of the path. `/user/:id` is the same as
    `/user/{id}`.

    Args:
        method: One of `METHODS`, in any case. A route for `GET` handles `HEAD` too.
        path: The template. Text may be percent-encoded.
        status: The status of a success, 200 to 599; or a function of the returned value.

    Raises:
        ValueError: An argument is invalid; the message contains the reason.
    """

    method: str
    path: str
    status: Status = 200

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", _validate_method(self.method))
        object.__setattr__(self, "path", _validate_path(self.path))
        check_status(self.status)

    @classmethod
    def get(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `GET`; it handles `HEAD` too."""
        return cls("GET", path, status)

    @classmethod
    def head(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `HEAD`, which takes precedence over a route for `GET`."""
        return cls("HEAD", path, status)

    @classmethod
    def post(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `POST`."""
        return cls("POST", path, status)

    @classmethod
    def put(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `PUT`."""
        return cls("PUT", path, status)

    @classmethod
    def patch(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `PATCH`."""
        return cls("PATCH", path, status)

    @classmethod
    def delete(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `DELETE`."""
        return cls("DELETE", path, status)

    @classmethod
    def parse(cls, value: object) -> tuple[Route, ...]:
        """Return the routes in the attribute `web` of an action.

        Args:
            value: A route, `"PUT /user"`, a mapping with `method`, `path` and optionally `status`,
                or a list or tuple of these: an action may have several routes.

        Raises:
            ValueError: The value is invalid; the message contains the reason.
        """
        if isinstance(value, (list, tuple)):
            if not value:
                raise ValueError(f"the list of routes is empty; write {_ROUTE_FORMS}")
            return tuple(_parse_one(each) for each in value)
        return (_parse_one(value),)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of the path, with decoded text; none for `/`."""
        return _split(self.path)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of the path."""
        return tuple(segment.text for segment in self.segments if segment.is_parameter)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def check_status(status: object) -> None:
    """Validate the status of a success.

    Raises:
        ValueError: It is neither a function nor an integer from 200 to 599.
    """
    if callable(status):
        return
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise ValueError(
            f"the status {status!r} is invalid; "
            "write a number from 200 to 599, or a function that returns one"
        )


def checked_status(status: int) -> int:
    """Return the status that a status function returned, after validation.

    Raises:
        ValueError: It is not an integer from 200 to 599.
    """
    if callable(status):
        raise ValueError("a status function returned a function")
    check_status(status)
    return status


def _parse_one(value: object) -> Route:
    if isinstance(value, Route):
        return value
    if isinstance(value, str):
        words = value.split()
        if len(words) != 2:
            raise ValueError(
                f"the route {value!r} is not a method, a space and a path; write 'PUT /user'"
            )
        method, path = words
        return Route(method, path)
    if isinstance(value, Mapping):
        return _parse_mapping(value)
    raise ValueError(f"a route cannot be of type {type(value).__name__!r}; write {_ROUTE_FORMS}")


def _parse_mapping(value: Mapping[Any, Any]) -> Route:
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        raise ValueError(
            f"unknown key {unknown[0]!r} of a route; remove it (available: method, path, status)"
        )
    missing = [key for key in ("method", "path") if key not in value]
    if missing:
        raise ValueError(f"the route {dict(value)!r} has no {missing[0]!r}; add it")
    return Route(**value)


def _validate_method(method: object) -> str:
    if isinstance(method, str) and method.upper() in METHODS:
        return method.upper()
    raise ValueError(f"the method {method!r} is not supported; available: {', '.join(METHODS)}")


def _validate_path(path: object) -> str:
    if not isinstance(path, str):
        raise ValueError(f"the path {path!r} is not text; write '/user/{{id}}'")
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not start with '/'; write '/user/{{id}}'")
    for character in path:
        if character in "?#\\" or character.isspace() or not character.isprintable():
            raise ValueError(
                f"the path {path!r} contains the invalid character {character!r}; "
                "remove it, or write it percent-encoded"
            )
    path = "/".join(_normalize_parameter(segment) for segment in path.split("/"))
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    _check_parameter_names(path, _split(path))
    return path


def _normalize_parameter(segment: str) -> str:
    return f"{{{segment[1:]}}}" if segment.startswith(":") else segment


def _check_parameter_names(path: str, segments: tuple[Segment, ...]) -> None:
    names = set()
    for name, is_parameter in segments:
        if not is_parameter:
            continue
        if not name.isidentifier():
            raise ValueError(
                f"the path {path!r} has the parameter {name!r}, which cannot be the name "
                "of an input; use letters, digits and '_'"
            )
        if name in names:
            raise ValueError(
                f"the path {path!r} has two parameters named {name!r}; rename one of them"
            )
        names.add(name)


def _split(path: str) -> tuple[Segment, ...]:
    if path == "/":
        return ()
    return tuple(_parse_segment(path, text) for text in path[1:].split("/"))


def _parse_segment(path: str, text: str) -> Segment:
    if not text:
        raise ValueError(f"the path {path!r} has an empty segment ('//'); remove one slash")
    if text[0] == "{" and text[-1] == "}" and "{" not in text[1:] and "}" not in text[:-1]:
        return Segment(text[1:-1], is_parameter=True)
    if "{" in text or "}" in text:
        raise ValueError(
            f"the path {path!r} has braces that do not enclose a whole segment; "
            "a parameter is a whole segment: '/{id}/'"
        )
    try:
        return Segment(percent_decode(text), is_parameter=False)
    except ValueError as error:
        raise ValueError(
            f"the path {path!r} is not percent-encoded UTF-8: {error}; write '%' as '%25'"
        ) from error
