"""The HTTP route of an action: `Route`, for authors. This module imports no server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict

from actionhero import ActionAttribute
from actionhero.transport import unknown_key
from actionhero_web.responses.caching import Cache
from actionhero_web.routes.path_template import Segment, normalize_path, split_path

if TYPE_CHECKING:
    from typing import Unpack

    from actionhero import Middleware

#: The methods of routes. `OPTIONS` is handled by the server.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
#: Statuses without a body, by HTTP itself.
STATUSES_WITHOUT_BODY: Final = frozenset({204, 205, 304})

#: The status of a success: a number, or a function of the value that the action returned.
Status: TypeAlias = int | Callable[[Any], int]

_ROUTE_FORMS: Final = (
    "'PUT /user', Route.put('/user'), a mapping with method and path, or a list of these"
)
_LIMITS: Final = ("body_limit_bytes", "parsed_body_limit_bytes")
_KEYS: Final = ("method", "path", "status", *_LIMITS, "cache")


class RouteOptions(TypedDict, total=False):
    """The options of a route, the same for all methods; see `Route`."""

    status: Status
    body_limit_bytes: int | None
    parsed_body_limit_bytes: int | None
    cache: Cache | None


@dataclass(frozen=True, slots=True)
class Route(ActionAttribute):
    """A method and a path template, such as `GET /user/{id}`.

    A parameter matches one whole segment. `{path:path}` at the end matches the rest of the path,
    one segment or more. Paths are case-sensitive, a trailing slash is ignored, and the server's
    prefix (`/api`) is not part of the path. `/user/:id` is the same as `/user/{id}`.

    Args:
        method: One of `METHODS`, in any case. A route for `GET` handles `HEAD` too.
        path: The template. Text may be percent-encoded.
        status: The status of a success, 200 to 599; or a function of the returned value.
        body_limit_bytes: The largest request body; `None`: the setting `web.body_limit_bytes`.
        parsed_body_limit_bytes: The largest part of it that is parsed in memory, such as JSON;
            `None`: the setting `web.parsed_body_limit_bytes`, or `body_limit_bytes` if that is
            smaller.
        cache: How caches store the successful responses; only for `GET` and `HEAD`.
        middleware: The middleware of the group of routes; see `Routes`.
        requires: The requirements of the group of routes; see `Routes`.
        headers: Names and values of headers of each response, such as those of deprecated actions.

    Raises:
        ValueError: An argument is invalid; the message contains the reason.
    """

    method: str
    path: str
    status: Status = 200
    body_limit_bytes: int | None = None
    parsed_body_limit_bytes: int | None = None
    cache: Cache | None = None
    middleware: tuple[Middleware, ...] = ()
    requires: tuple[Any, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", _validate_method(self.method))
        object.__setattr__(self, "path", normalize_path(self.path))
        check_status(self.status)
        for name in _LIMITS:
            _check_limit(name, getattr(self, name))
        _check_cache(self.method, self.cache)

    @classmethod
    def get(cls, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `GET`; it handles `HEAD` too."""
        return cls("GET", path, **options)

    @classmethod
    def head(cls, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `HEAD`, which takes precedence over a route for `GET`."""
        return cls("HEAD", path, **options)

    @classmethod
    def post(cls, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `POST`."""
        return cls("POST", path, **options)

    @classmethod
    def put(cls, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `PUT`."""
        return cls("PUT", path, **options)

    @classmethod
    def patch(cls, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `PATCH`."""
        return cls("PATCH", path, **options)

    @classmethod
    def delete(cls, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `DELETE`."""
        return cls("DELETE", path, **options)

    @classmethod
    def parse(cls, value: object) -> tuple[Route, ...]:
        """Return the routes in the attribute `web` of an action.

        Args:
            value: A route, `"PUT /user"`, a mapping with `method`, `path` and optionally `status`,
                `body_limit_bytes`, `parsed_body_limit_bytes` and `cache`, or a list or tuple of
                these: an action may have several routes.

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
        return split_path(self.path)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in the order of the path."""
        return tuple(segment.text for segment in self.segments if segment.is_parameter)

    @property
    def template(self) -> str:
        """The path with all parameters as `{name}`, also the one for the rest of the path."""
        return self.path.replace(":path}", "}")

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


def _check_limit(name: str, limit: object) -> None:
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ValueError(f"{name} is {limit!r}; write a number of bytes, 1 or more")


def _check_cache(method: str, cache: object) -> None:
    if cache is None:
        return
    if not isinstance(cache, Cache):
        raise ValueError(
            f"the cache {cache!r} is not of type 'Cache'; write cache=Cache(max_age=60)"
        )
    if method not in {"GET", "HEAD"}:
        raise ValueError(f"responses to {method} are not cached; remove cache, or use GET")


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
    if fault := unknown_key(value, _KEYS):
        raise ValueError(f"a route has {fault}")
    missing = [key for key in ("method", "path") if key not in value]
    if missing:
        raise ValueError(f"the route {dict(value)!r} has no {missing[0]!r}; add it")
    return Route(**value)


def _validate_method(method: object) -> str:
    if isinstance(method, str) and method.upper() in METHODS:
        return method.upper()
    hint = f"available: {', '.join(METHODS)}"
    if isinstance(method, str) and method.startswith("/"):
        hint = f"write the method first, as in Route('GET', {method!r}), or Route.get({method!r})"
    raise ValueError(f"the method {method!r} is not supported; {hint}")
