"""What this package adds to ActionHero. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Action


@hookimpl
def actionhero_actions() -> Sequence[type[Action]]:
    # Imported here, so that listing the plugins costs nothing but this file.
    from actionhero_hello.hello import Hello

    return [Hello]
