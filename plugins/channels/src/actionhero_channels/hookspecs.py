"""The hooks of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Application
    from actionhero_channels.broadcast_observer import BroadcastObserver
    from actionhero_channels.channel import Channel


@hookspec
def actionhero_channels(app: Application) -> Sequence[type[Channel]] | None:
    """Return the channels of a plugin.

    Called once, while the application loads. The channels of the application itself are
    discovered without it.

    Args:
        app: The application.

    Returns:
        Subclasses of `Channel`. Two channels whose names match the same channels are an error
        that names both owners.

    Order:
        Plugins in the order of registration; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_channels():
            from ratings.channels import Ratings

            return [Ratings]
        ```
    """


@hookspec
def actionhero_channels_observers(app: Application) -> Sequence[BroadcastObserver] | None:
    """Return observers of the broadcasts that a process sends, such as for traces.

    Called once in each process, before its first broadcast. Without any, a broadcast costs nothing
    more.

    Args:
        app: The application.

    Returns:
        Objects with the methods of `BroadcastObserver`.

    Order:
        Plugins in the order of registration; at the end of a broadcast the reverse.

    Example:
        ```python
        @hookimpl
        def actionhero_channels_observers(app):
            return [BroadcastTimes(app.get(MetricSettings))]
        ```
    """
