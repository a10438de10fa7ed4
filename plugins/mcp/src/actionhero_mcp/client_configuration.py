"""The configuration of known clients: their files, and the entry of this application."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actionhero import ConfigurationError
from actionhero.settings import AppSettings
from actionhero_mcp.settings import McpSettings
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from actionhero import Application

CLIENTS: Final = ("claude-code", "claude-desktop", "cursor", "vscode")


def configuration_for(
    app: Application, client: str, url: str | None, *, is_stdio: bool
) -> tuple[Path, dict[str, Any]]:
    """Return the file of a client, and its content with this application only.

    Args:
        app: The application.
        client: One of `CLIENTS`.
        url: The URL of the endpoint; by default that of the settings.
        is_stdio: Whether the client starts the application itself.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", app.get(AppSettings).name) or "actionhero"
    entry: dict[str, Any]
    # The desktop client connects to servers on the internet only.
    if is_stdio or client == "claude-desktop":
        entry = {
            "command": sys.executable,
            "args": ["-m", "actionhero", "--settings", os.fspath(Path.cwd()), "mcp", "stdio"],
        }
    else:
        entry = {"type": "http", "url": url or _url(app)}
    key = "servers" if client == "vscode" else "mcpServers"
    return _path(client), {key: {name: entry}}


def write_configuration(path: Path, document: dict[str, Any]) -> None:
    """Add the entry in `document` to a file, which keeps its other entries.

    Raises:
        ConfigurationError: The file is no JSON object, or cannot be written.
    """
    try:
        present = json.loads(path.read_text("utf-8")) if path.exists() else {}
        [(key, entries)] = document.items()
        present[key] = {**present.get(key, {}), **entries}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(present, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"cannot add the entry to {path}: {error}") from error


def _path(client: str) -> Path:
    if client == "claude-code":
        return Path(".mcp.json")
    if client == "cursor":
        return Path(".cursor/mcp.json")
    if client == "vscode":
        return Path(".vscode/mcp.json")
    folders = {
        "darwin": "~/Library/Application Support/Claude",
        "win32": "~/AppData/Roaming/Claude",
    }
    folder = folders.get(sys.platform, "~/.config/Claude")
    return Path(folder).expanduser() / "claude_desktop_config.json"


def _url(app: Application) -> str:
    settings, web = app.get(McpSettings), app.get(WebSettings)
    if settings.url is not None:
        return settings.url
    host = f"[{web.host}]" if ":" in web.host else web.host
    return f"http://{host}:{web.port}{settings.path}"
