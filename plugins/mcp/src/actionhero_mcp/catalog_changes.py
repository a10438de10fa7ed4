"""`CatalogChanges`: whether a restart has changed the lists of tools, resources and prompts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from actionhero import RunMode
from actionhero.settings import AppSettings
from actionhero_mcp.revisions import MODERN, REVISIONS
from actionhero_mcp.settings import McpSettings
from actionhero_mcp.shared_redis import redis_of
from actionhero_mcp.signing import digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from actionhero import Application
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.sink import MessageSink

#: The members of the catalog that each notification is about.
_MEMBERS: Final = {
    "tools": ("tools",),
    "prompts": ("prompts",),
    "resources": ("resources", "resourceTemplates"),
}
_FILE: Final = "mcp-catalog.json"


class CatalogChanges:
    """Compares the lists of this start of the server with those of the one before.

    A client may still have the lists of before, but not for longer than `mcp.list_ttl`: a stream
    that it opens within this time begins with the notifications of the change.

    Args:
        app: The application.
        catalog: Its tools, resources and prompts.
    """

    def __init__(self, app: Application, catalog: Catalog) -> None:
        self._app = app
        self._catalog = catalog
        self._ttl_seconds = app.get(McpSettings).list_ttl.total_seconds()
        #: The lists whose changes are announced; none without a server.
        self.lists: tuple[str, ...] = tuple(_MEMBERS) if app.mode is RunMode.SERVER else ()
        #: When each list was changed, in seconds since the epoch.
        self._changed_at: dict[str, float] = {}

    async def start(self) -> None:
        """Compare the lists with those of the last start, and store them for the next one."""
        before = await self._read()
        now = time.time()
        stored = {}
        for name, members in _MEMBERS.items():
            revision = REVISIONS[MODERN[0]]
            lists = [self._catalog.listed(member, revision).decode() for member in members]
            current = digest(lists)
            known, changed_at = before.get(name, (current, 0.0))
            if known != current:
                changed_at = now
            self._changed_at[name] = changed_at
            stored[name] = (current, changed_at)
        if stored != before:
            await self._write(stored)

    def announce(
        self, sink: MessageSink, lists: Iterable[str], meta: dict[str, Any] | None = None
    ) -> None:
        """Send the notifications of the lists that were changed lately."""
        for name in lists:
            if time.time() - self._changed_at.get(name, 0.0) < self._ttl_seconds:
                params = {"_meta": meta} if meta else {}
                sink.notify(f"notifications/{name}/list_changed", params)

    async def _read(self) -> dict[str, tuple[str, float]]:
        clients = redis_of(self._app)
        if clients is not None:
            text = await clients.execute("GET", clients.key("mcp", "catalog"), idempotent=True)
        else:
            path = self._path
            text = path.read_bytes() if path.is_file() else None
        try:
            stored = json.loads(text or b"{}")
            return {name: (str(known), float(at)) for name, (known, at) in stored.items()}
        except (AttributeError, TypeError, ValueError):
            # Of another version, or cut off by a full disk.
            return {}

    async def _write(self, stored: dict[str, tuple[str, float]]) -> None:
        clients, text = redis_of(self._app), json.dumps(stored)
        if clients is not None:
            key = clients.key("mcp", "catalog")
            await clients.execute("SET", key, text, idempotent=True)
        else:
            self._app.get(AppSettings).make_data_dir()
            self._path.write_text(text, encoding="utf-8")

    @property
    def _path(self) -> Path:
        return self._app.get(AppSettings).data_dir / _FILE
