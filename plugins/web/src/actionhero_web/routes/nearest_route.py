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
#: How similar a route must be, from 0 to 1.
_CUTOFF: Final = 0.75


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
        path = path[:_MAX_PATH].rstrip("/")
        # The prefix is forgotten often.
        candidates = [path] if path.startswith(self._prefix) else [self._prefix + path, path]
        for other in sorted(self._paths, key=lambda each: each != method):
            for candidate in candidates:
                ratios = {each: _similarity(each, candidate) for each in self._paths[other]}
                nearest = max(ratios, key=ratios.__getitem__)
                if ratios[nearest] >= _CUTOFF:
                    return f"{other} {nearest}"
        return None


def _similarity(template: str, path: str) -> float:
    """Return the similarity of a path and a template, from 0 to 1, without the parameters.

    Without a segment for it, the parameter at the end is left out: it was forgotten.
    """
    # Imported here because it is for errors in development.
    from difflib import SequenceMatcher  # noqa: PLC0415

    names, segments = template.split("/"), path.split("/")
    if len(names) == len(segments) + 1 and names[-1].startswith("{"):
        names.pop()
    if len(names) == len(segments):
        pairs = [pair for pair in zip(names, segments, strict=True) if pair[0][:1] != "{"]
        template, path = ("/".join(texts) for texts in zip(*pairs, strict=True))
    return SequenceMatcher(None, template, path).ratio()
