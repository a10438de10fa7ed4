"""`Subscriber`, which a transport implements for its connections, and `SubscribeResult`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero import Connection
    from actionhero_channels.delivery import Delivery


class Receiver(Protocol):
    """A receiver of the broadcasts of a channel. Its methods must neither block nor raise."""

    def deliver(self, delivery: Delivery, /) -> None:
        """Receive a broadcast. A slow connection must buffer or drop it without blocking others."""

    def gap(self, channel: str, /) -> None:
        """Receive the notice that messages of a channel may have been lost."""


class Subscriber(Receiver, Protocol):
    """A connection that can subscribe to channels."""

    @property
    def connection(self) -> Connection:
        """The connection."""


class SubscribeResult(NamedTuple):
    """The result of `Channels.subscribe`."""

    #: The broadcasts after `since`, in order; the next delivery follows the last of these.
    backlog: Sequence[Delivery] = ()
    #: Whether broadcasts after `since` are missing from the backlog.
    gap: bool = False
    #: The identifier of the last broadcast before the next delivery, from which a subscriber that
    #: is interrupted before it resumes. `None` without history.
    last_id: str | None = None
