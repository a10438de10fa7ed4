"""The plugin `limits`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from actionhero import Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_limits.settings import LimitsSettings

    return [LimitsSettings]
