"""The channel `messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import ChannelRefused
from actionhero_channels import Channel
from actionhero_chat.actions.messages import MessageDeleted, MessageDetails

if TYPE_CHECKING:
    from actionhero_channels import Subscription

#: The number of broadcasts that a reconnecting subscriber can receive again.
HISTORY_SIZE = 200


class Messages(Channel):
    """New and deleted messages, and the presence of their readers."""

    name = "messages"
    history = HISTORY_SIZE
    message = MessageDetails | MessageDeleted

    async def authorize(self, subscription: Subscription) -> None:
        """Require a signed-in user."""
        if subscription.session.get("userId") is None:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Return the user's id, so that a user with two windows is one member."""
        return str(subscription.session["userId"])
