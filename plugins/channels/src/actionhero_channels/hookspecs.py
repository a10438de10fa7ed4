"""What a plugin may contribute to channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_channels.channel import Channel

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_channels(app: Application) -> Sequence[type[Channel]] | None:
    """Channels that a plugin brings.

    Called once, while the application is loading. An application's own are found without it.

    Args:
        app: The application being put together.

    Returns:
        Subclasses of `Channel`. Two that the same name would fit equally well are an error that
        names both owners.

    Order:
        Plugins in the order in which they were registered; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_channels():
            from ratings.channels import Ratings

            return [Ratings]
        ```
    """
