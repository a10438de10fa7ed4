"""Where an action can be reached by HTTP: `Route`, for authors. It imports no server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from actionhero_web import percent_encoding

#: What a route may answer to. `OPTIONS` is the server's own.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

#: The status of a success: a number, or chosen by the value that the action returned.
Status: TypeAlias = int | Callable[[Any], int]

_FORMS: Final = (
    "'PUT /user', Route.put('/user'), a mapping with method and path, or a list of these"
)
_KEYS: Final = ("method", "path", "status")


class Segment(NamedTuple):
    """One part of a path, between two slashes."""

    #: The decoded text, or the name of the parameter that takes this segment's place.
    text: str
    is_parameter: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template, such as `GET /user/{id}`.

    A parameter takes one whole segment. Paths are case-sensitive, a trailing slash is the same
    route, and the server's prefix (`/api`) is not part of it. `/user/:id` is read as `/user/{id}`.

    Args:
        method: One of `METHODS`, in any case. A route for `GET` answers `HEAD` too.
        path: The template. Text may be percent-encoded.
        status: Of a success, 200 to 599; or a function that chooses it by the returned value.

    Raises:
        ValueError: One of them is wrong; the message says what.
    """

    method: str
    path: str
    status: Status = 200

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", _checked_method(self.method))
        object.__setattr__(self, "path", _checked_path(self.path))
        check_status(self.status)

    @classmethod
    def get(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for reading; it answers `HEAD` as well."""
        return cls("GET", path, status)

    @classmethod
    def head(cls, path: str, *, status: Status = 200) -> Route:
        """Return a route for `HEAD` alone, where it shall not be answered by the one for `GET`."""
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
        """Return the routes that an author wrote, as `Route` or as plain data.

        Args:
            value: A route, `"PUT /user"`, a mapping with `method`, `path` and perhaps `status`, or
                a list or tuple of these: an action may have several routes.

        Raises:
            ValueError: It cannot be understood; the message says what is wrong.
        """
        if isinstance(value, (list, tuple)):
            if not value:
                raise ValueError(f"the list of routes is empty; write {_FORMS}")
            return tuple(_parse_one(each) for each in value)
        return (_parse_one(value),)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The parts of the path, texts decoded; none for `/`."""
        return _split(self.path)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of the path."""
        return tuple(segment.text for segment in self.segments if segment.is_parameter)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def check_status(status: object) -> None:
    """Refuse what cannot be the status of a success.

    Raises:
        ValueError: It is neither a function nor a whole number from 200 to 599.
    """
    if callable(status):
        return
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise ValueError(
            f"the status {status!r} cannot be answered; "
            "write a number from 200 to 599, or a function that returns one"
        )


def checked_status(status: int) -> int:
    """Return `status`, which a function chose, if it can be answered.

    Raises:
        ValueError: It is not a whole number from 200 to 599.
    """
    if callable(status):
        raise ValueError("a function that chooses a status returned a function")
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
    raise ValueError(f"a route cannot be of type {type(value).__name__!r}; write {_FORMS}")


def _parse_mapping(value: Mapping[Any, Any]) -> Route:
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        raise ValueError(
            f"a route has no {unknown[0]!r}; there are: method, path, status. Remove it"
        )
    missing = [key for key in ("method", "path") if key not in value]
    if missing:
        raise ValueError(f"the route {dict(value)!r} has no {missing[0]!r}; add it")
    return Route(**value)


def _checked_method(method: object) -> str:
    if isinstance(method, str) and method.upper() in METHODS:
        return method.upper()
    raise ValueError(f"the method {method!r} cannot have a route; there are: {', '.join(METHODS)}")


def _checked_path(path: object) -> str:
    if not isinstance(path, str):
        raise ValueError(f"the path {path!r} is not text; write '/user/{{id}}'")
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not start with '/'; write '/user/{{id}}'")
    for stray in path:
        if stray in "?#\\" or stray.isspace() or not stray.isprintable():
            raise ValueError(
                f"the path {path!r} holds {stray!r}, which no path can; "
                "remove it, or write it percent-encoded"
            )
    written = [_with_braces(segment) for segment in path.split("/")]
    path = "/".join(written)
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    _check_names(path, _split(path))
    return path


def _with_braces(segment: str) -> str:
    return f"{{{segment[1:]}}}" if segment.startswith(":") else segment


def _check_names(path: str, segments: tuple[Segment, ...]) -> None:
    names = set()
    for name, is_parameter in segments:
        if not is_parameter:
            continue
        if not name.isidentifier():
            raise ValueError(
                f"the path {path!r} has a parameter called {name!r}, which cannot be the name "
                "of an input; use letters, digits and '_'"
            )
        if name in names:
            raise ValueError(
                f"the path {path!r} has two parameters called {name!r}; rename one of them"
            )
        names.add(name)


def _split(path: str) -> tuple[Segment, ...]:
    if path == "/":
        return ()
    return tuple(_read_segment(path, text) for text in path[1:].split("/"))


def _read_segment(path: str, text: str) -> Segment:
    if not text:
        raise ValueError(f"the path {path!r} has an empty segment ('//'); remove one slash")
    if text[0] == "{" and text[-1] == "}" and "{" not in text[1:] and "}" not in text[:-1]:
        return Segment(text[1:-1], is_parameter=True)
    if "{" in text or "}" in text:
        raise ValueError(
            f"the path {path!r} has braces that do not enclose a whole segment; "
            "a parameter is written '/{id}/', and takes all between two slashes"
        )
    try:
        return Segment(percent_encoding.decode(text), is_parameter=False)
    except ValueError as error:
        raise ValueError(
            f"the path {path!r} is not percent-encoded UTF-8: {error}; write '%' as '%25'"
        ) from error
