"""`ResultFields`: the members that every result of a revision has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero.transport import dumps
from actionhero_mcp.revisions import SERVER_INFO

if TYPE_CHECKING:
    from actionhero_mcp.revisions import Revision
    from actionhero_mcp.settings import McpSettings


class ResultFields:
    """Completes results, whose own members are JSON in bytes without the braces.

    Args:
        implementation: The name and the version of the server.
        settings: The time to live of lists.
    """

    def __init__(self, implementation: dict[str, str], settings: McpSettings) -> None:
        meta = dumps({SERVER_INFO: implementation})
        self._implementation = implementation
        self._complete = b',"resultType":"complete","_meta":%b}' % meta
        ttl_ms = int(settings.list_ttl.total_seconds() * 1000)
        caching = b',"ttlMs":%d,"cacheScope":"%b"'
        self._public = caching % (ttl_ms, b"public") + self._complete
        self._private = caching % (ttl_ms, b"private") + self._complete
        self._fresh = caching % (0, b"private") + self._complete

    def complete(self, members: bytes, revision: Revision) -> bytes:
        """Return the result of a request that is complete."""
        return b"{%b%b" % (members, self._complete if revision.is_modern else b"}")

    def cacheable(
        self, members: bytes, revision: Revision, *, is_public: bool = True, is_list: bool = True
    ) -> bytes:
        """Return a result that clients may keep.

        Args:
            members: Its members.
            revision: The revision of the protocol.
            is_public: Whether it is the same for every caller.
            is_list: Whether it changes with the application only, as a list.
        """
        if not revision.is_modern:
            return b"{%b}" % members
        end = (self._public if is_public else self._private) if is_list else self._fresh
        return b"{%b%b" % (members, end)

    def of_type(self, type_: str, values: dict[str, Any]) -> bytes:
        """Return a result of another type than `complete`, in the newest revision."""
        meta = {SERVER_INFO: self._implementation, **values.pop("_meta", {})}
        return dumps({"resultType": type_, **values, "_meta": meta})
