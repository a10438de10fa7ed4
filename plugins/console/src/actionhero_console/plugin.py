"""The plugin `console`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Application, Settings


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_console import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_console.settings import ConsoleSettings

    return [ConsoleSettings]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_console.panels import load_panels

    return load_panels(app)[1]
