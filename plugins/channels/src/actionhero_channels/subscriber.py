"""Who listens: what a door implements for each of its connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Connection
    from actionhero_channels.delivery import Delivery


class Subscriber(Protocol):
    """One connection that can listen. Neither method may block or raise."""

    @property
    def connection(self) -> Connection:
        """Who is there."""

    def deliver(self, delivery: Delivery, /) -> None:
        """Take what was broadcast. Whoever is slow must see to it without holding up others."""

    def gap(self, channel: str, /) -> None:
        """Take notice that messages of a channel may have been missed."""


class Subscribed(NamedTuple):
    """That a channel was joined."""

    #: What was broadcast since, in order; the next that is delivered follows the last of these.
    replayed: Sequence[Delivery] = ()
    #: Whether more was broadcast since than is still known.
    gap: bool = False
    #: The identifier of the last broadcast before all that is delivered from now on: whoever is
    #: interrupted before they have heard any goes on from there. `None` without history.
    position: str | None = None
