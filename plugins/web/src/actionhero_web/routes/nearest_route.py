"""`NearestRoute`: the advice for a request that matches no route, in development."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from actionhero import ActionNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero_web.routes.route import Route

logger = logging.getLogger("actionhero.web")

#: The longest path in a message.
_MAX_PATH: Final = 100


class NearestRoute:
    """Finds the route that is most similar to a path.

    Args:
        routes: The routes of the actions.
        prefix: The prefix of their paths.
    """

    def __init__(self, routes: Iterable[Route], prefix: str) -> None:
        self._prefix = prefix
        #: The paths by method.
        self._paths: dict[str, list[str]] = {}
        for route in routes:
            self._paths.setdefault(route.method, []).append(f"{prefix}{route.path}")

    def error(self, method: str, path: str) -> ActionNotFound:
        """Return the error of a request, which names the nearest route; it is logged, too."""
        # The response to HEAD has the headers of that to GET.
        method = "GET" if method == "HEAD" else method
        message = f"Action not found: {method} {path[:_MAX_PATH]}"
        if nearest := self._nearest(method, path):
            message += f"; did you mean {nearest}?"
        logger.info("%s", message)
        return ActionNotFound(message)

    def _nearest(self, method: str, path: str) -> str | None:
        """Return the nearest route, one with the same method if there is one."""
        # Imported here because it is for errors in development.
        from difflib import get_close_matches  # noqa: PLC0415

        for other in sorted(self._paths, key=lambda each: each != method):
            # The prefix is forgotten often.
            for candidate in (self._prefix + path.rstrip("/"), path[:_MAX_PATH]):
                near = get_close_matches(candidate, self._paths[other], n=1, cutoff=0.75)
                if near:
                    return f"{other} {near[0]}"
        return None
