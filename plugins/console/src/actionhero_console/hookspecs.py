"""The hooks of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_console.panels import Panel

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_console_panels(app: Application) -> Sequence[Panel] | None:
    """Panels of the console.

    Called once, while the application is loaded, in every process. A plugin that does not depend
    on the console implements it with `@hookimpl(optionalhook=True)`.

    Args:
        app: The application; `app.get` returns settings, resources are not yet available.

    Returns:
        Panels. Two panels with the same name are an error that names both owners.

    Order:
        By `Panel.order`.

    Example:
        ```python
        @hookimpl(optionalhook=True)
        def actionhero_console_panels(app):
            from actionhero_console import Panel

            return [Panel("mails", "Mails", reads={"list": list_mails}, assets=ASSETS)]
        ```
    """
