"""The contributions of this package to ActionHero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Action


@hookimpl
def actionhero_actions() -> Sequence[type[Action]]:
    # Imported here, so that a list of plugins imports only this file.
    from actionhero_hello.hello import Hello

    return [Hello]
