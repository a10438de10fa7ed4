"""What is heard as it happens: the channel `messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ChannelRefused
from actionhero_channels import Channel

if TYPE_CHECKING:
    from actionhero_channels import Subscription

#: How many of the newest messages somebody who comes back is told.
KEPT = 200


class Messages(Channel):
    """Every message, as it is written, and who comes and goes."""

    name = "messages"
    history = KEPT

    async def authorize(self, subscription: Subscription) -> None:
        """Refuse who has not signed in."""
        if subscription.session.get("userId") is None:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Return the user's id: whoever has two windows open is here once."""
        return str(subscription.session["userId"])
