"""The target of a request: its path and its query, undecoded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

#: A URL without a path and a query.
_ORIGIN: Final = re.compile(r"https?://[^/?]*", re.IGNORECASE)


def split_target(request: web.BaseRequest) -> tuple[str, str]:
    """Return path and query of the request target, undecoded."""
    target = request.raw_path
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    # The absolute form (`GET http://host/path`) or `OPTIONS *`.
    url = request.rel_url
    return url.raw_path, url.raw_query_string


def is_server_wide(request: web.BaseRequest) -> bool:
    """Return whether an `OPTIONS` request is for the server as a whole (RFC 9110 §9.3.7).

    Its target is `*`, or, from a client of a proxy, a URL without a path (RFC 9112 §3.2.4).
    """
    target = request.raw_path
    return target == "*" or (request.method == "OPTIONS" and _ORIGIN.fullmatch(target) is not None)


def path_below_mount(request: web.Request, path: str) -> str:
    """Return the part of an undecoded path after mount and prefix, which routes match.

    Args:
        request: A request that another aiohttp application has routed to ours.
        path: Its path.
    """
    resource = request.match_info.route.resource
    mount = resource.canonical.removesuffix("/{tail}") if resource is not None else ""
    # By the number of segments, not by length: a segment may be encoded in more than one way.
    return "".join(f"/{segment}" for segment in path.split("/")[mount.count("/") + 1 :])
