"""`load_panels`: collects the panels of plugins and the application, and checks them."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from actionhero_console.operators import Role
from actionhero_console.panels import Panel, Read
from actionhero_console.provider import PanelProvider
from actionhero_web import InvalidPanelFunction, PanelFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application
    from actionhero_console.panels import Change

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


class LoadedRead:
    """A query whose function has been checked."""

    def __init__(self, read: Read) -> None:
        self.role = Role(read.role)
        self.function = PanelFunction(read.run)


class LoadedChange:
    """A change whose function has been checked."""

    def __init__(self, change: Change) -> None:
        self.role = Role(change.role)
        self.confirm = change.confirm
        self.target = change.target
        self.facts = change.facts
        self.function = PanelFunction(change.run)


class LoadedPanel:
    """A panel whose parts have been checked.

    Args:
        panel: The panel.
        owner: The plugin that contributes it, for messages.

    Raises:
        ValueError: A part is invalid; the message names panel, owner and remedy.
    """

    def __init__(self, panel: Panel, owner: str) -> None:
        self.panel = panel
        self.owner = owner
        if not _NAME.fullmatch(panel.name):
            raise ValueError(
                f"panel {panel.name!r} of {owner} has an invalid name; use lower case letters, "
                "digits, '-' and '_'"
            )
        if panel.assets is not None and not (panel.assets / "panel.js").is_file():
            raise ValueError(
                f"panel {panel.name!r} of {owner} has no file 'panel.js' in {str(panel.assets)!r}; "
                "add it, or set assets to the folder that contains it"
            )
        self.role = self._load("role", "", partial(Role, panel.role))
        self.reads: dict[str, LoadedRead] = {
            name: self._load("read", name, partial(LoadedRead, _as_read(read)))
            for name, read in panel.reads.items()
        }
        self.changes: dict[str, LoadedChange] = {
            name: self._load("change", name, partial(LoadedChange, change))
            for name, change in panel.changes.items()
        }
        self.answers: dict[str, PanelFunction] = {
            name: self._load("answer", name, partial(PanelFunction, answer, has_context=False))
            for name, answer in panel.answers.items()
        }

    def _load(self, kind: str, name: str, load: Callable[[], Any]) -> Any:
        try:
            return load()
        except InvalidPanelFunction as error:
            reason = f"the function of {kind} {name!r} {error}"
        except ValueError as error:
            roles = ", ".join(Role)
            reason = f"{kind} {name!r}: {error}; the roles are {roles}"
        raise ValueError(f"panel {self.panel.name!r} of {self.owner}: {reason}")


def load_panels(app: Application) -> tuple[dict[str, LoadedPanel], list[str]]:
    """Return the panels by name, in the order of the navigation, and the errors in them."""
    panels: dict[str, LoadedPanel] = {}
    problems: list[str] = []
    collected = app.plugins.collect("actionhero_console_panels", Panel, app=app)
    contributions = [(plugin.owner, panel) for plugin, panel in collected]
    contributions += [
        (f"{provider.__module__}.{provider.__qualname__}", provider().panel(app))
        for provider in app.components(PanelProvider)
    ]
    for owner, panel in contributions:
        try:
            loaded = LoadedPanel(panel, owner)
        except ValueError as error:
            problems.append(str(error))
            continue
        if (other := panels.get(panel.name)) is not None:
            problems.append(
                f"{owner} has a panel with the name {panel.name!r}, which is that of "
                f"{other.owner}; rename one of them"
            )
            continue
        panels[panel.name] = loaded
    return dict(sorted(panels.items(), key=lambda item: item[1].panel.order)), problems


def _as_read(read: Callable[..., Any] | Read) -> Read:
    return read if isinstance(read, Read) else Read(read)
