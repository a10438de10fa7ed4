"""`ServerInfo`: the name, the versions and the capabilities of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import RunMode
from actionhero.settings import AppSettings
from actionhero.transport import dumps
from actionhero_mcp.revisions import HANDSHAKE, MODERN, TASKS
from actionhero_mcp.settings import McpSettings

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.revisions import Revision


class ServerInfo:
    """The name, the versions and the capabilities of the server.

    Args:
        app: The application.
        catalog: Its tools, resources and prompts.
    """

    def __init__(self, app: Application, catalog: Catalog) -> None:
        settings, app_settings = app.get(McpSettings), app.get(AppSettings)
        self.implementation = {
            "name": settings.name or app_settings.name,
            "version": app_settings.version or "0",
        }
        #: The supported revisions, the newest first.
        self.versions = (*MODERN, *HANDSHAKE) if settings.legacy else MODERN
        self._instructions = settings.instructions
        # A server is restarted with other lists; over stdio, the client starts it again.
        changes = {"listChanged": True} if app.mode is RunMode.SERVER else {}
        self._capabilities: dict[str, Any] = {
            "tools": changes,
            "resources": {**changes, "subscribe": True} if catalog.has_updates else changes,
            "prompts": changes,
            "completions": {},
            "logging": {},
        }
        extensions: dict[str, Any] = {}
        if catalog.has_tasks:
            extensions[TASKS] = {}
        modern = {**self._capabilities, **({"extensions": extensions} if extensions else {})}
        #: The members of the result of `server/discover`.
        self.discovery = dumps(
            {
                "supportedVersions": list(self.versions),
                "capabilities": modern,
                **self._instruction_member,
            }
        )[1:-1]

    def initialization(self, revision: Revision) -> bytes:
        """Return the result of `initialize`."""
        return dumps(
            {
                "protocolVersion": revision.name,
                "capabilities": self._capabilities,
                "serverInfo": self.implementation,
                **self._instruction_member,
            }
        )

    @property
    def _instruction_member(self) -> dict[str, str]:
        return {} if self._instructions is None else {"instructions": self._instructions}
