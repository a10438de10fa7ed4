"""Groups of routes: `Routes`, for authors. This module imports no server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from actionhero import Middleware
from actionhero_web.routes.path_template import normalize_path
from actionhero_web.routes.route import Route

if TYPE_CHECKING:
    from typing import Unpack

    from actionhero_web.routes.route import RouteOptions


class Routes:
    """Routes with a common path prefix, middleware and requirements.

    Declared once and used by several actions. Middleware and requirements become part of each
    action, outside of its own middleware, and so apply to every transport: a client cannot avoid
    them over WebSocket. An action with routes of several groups has the middleware of all.

    Args:
        prefix: The start of all paths, such as `/admin`; it may have parameters.
        middleware: The middleware of the actions, the outermost first.
        requires: The requirements of the actions, one or several: the same objects as in the
            attribute `requires` of an action.

    Raises:
        ValueError: An argument is invalid; the message contains the reason.

    Example:
        ```python
        admin = Routes(prefix="/admin", middleware=[SignedIn()])


        class EditUser(Action):
            name = "user:edit"
            web = admin.put("/user/{id}")
        ```
    """

    def __init__(
        self, prefix: str = "/", *, middleware: Iterable[Middleware] = (), requires: Any = ()
    ) -> None:
        self._prefix = normalize_path(prefix, is_prefix=True).rstrip("/")
        self._middleware = _validate_middleware(middleware)
        self._requires = (
            tuple(requires) if isinstance(requires, list | tuple | set | frozenset) else (requires,)
        )

    def group(
        self, prefix: str = "/", *, middleware: Iterable[Middleware] = (), requires: Any = ()
    ) -> Routes:
        """Return a group inside this one: its prefix, middleware and requirements follow ours.

        Args:
            prefix: The continuation of the prefix.
            middleware: Further middleware, inside of that of this group.
            requires: Further requirements.
        """
        inner = Routes(prefix, middleware=middleware, requires=requires)
        inner._prefix = normalize_path(self._join(inner._prefix), is_prefix=True).rstrip("/")
        inner._middleware = (*self._middleware, *inner._middleware)
        inner._requires = (*self._requires, *inner._requires)
        return inner

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `GET`; it handles `HEAD` too.

        Args:
            path: The path below the prefix; `/` for the prefix itself.
            options: The options of `Route`.
        """
        return self._route("GET", path, options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `HEAD`, which takes precedence over a route for `GET`."""
        return self._route("HEAD", path, options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `POST`."""
        return self._route("POST", path, options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `PUT`."""
        return self._route("PUT", path, options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `PATCH`."""
        return self._route("PATCH", path, options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Route:
        """Return a route for `DELETE`."""
        return self._route("DELETE", path, options)

    def _route(self, method: str, path: str, options: RouteOptions) -> Route:
        route = Route(method, path, **options)
        return replace(
            route,
            path=self._join(route.path) or "/",
            middleware=self._middleware,
            requires=self._requires,
        )

    def _join(self, path: str) -> str:
        return self._prefix + path.rstrip("/")

    def __repr__(self) -> str:
        return f"<Routes {self._prefix or '/'}>"


def _validate_middleware(middleware: object) -> tuple[Middleware, ...]:
    if not isinstance(middleware, Iterable) or isinstance(middleware, str):
        raise ValueError(f"middleware is {middleware!r}; write a list, as in [SignedIn()]")
    items = tuple(middleware)
    for item in items:
        if not isinstance(item, Middleware):
            raise ValueError(
                f"{item!r} is not an instance of Middleware; write a list of instances, as in "
                "middleware=[SignedIn()]"
            )
    return items
