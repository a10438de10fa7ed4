"""`Recipients`: the subscribers of one channel in this process, behind its filter."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from actionhero.transport import decision
from actionhero_channels.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero_channels.channel import Subscription
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.subscriber import Receiver, Subscriber

logger = logging.getLogger("actionhero.channels")

#: How many deliveries are made before other tasks run; each takes some microseconds.
BATCH_SIZE: Final = 256


class Recipients:
    """The subscribers of one channel in this process.

    Args:
        channel: The channel of the author.
        name: The name of this one, with the values of its placeholders.
    """

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel = channel
        self._name = name
        self._recipients: dict[Receiver, _Recipient] = {}
        #: How many of them are no subscribers.
        self._receivers = 0
        self._is_filtered = type(channel).visible is not Channel.visible
        #: The last broadcast for which the filter failed, which is logged once.
        self._failed: Delivery | None = None

    def __len__(self) -> int:
        return len(self._recipients) - self._receivers

    def add(self, subscription: Subscription) -> None:
        """Add a subscriber; one that is present continues with its new subscription."""
        subscriber = subscription.subscriber
        deliver = subscriber.deliver
        if self._is_filtered:
            deliver = partial(self._deliver_if_visible, subscription)
        recipient = self._recipients.setdefault(subscriber, _Recipient(deliver))
        recipient.deliver = deliver

    def remove(self, subscriber: Subscriber) -> None:
        """Remove a subscriber, also from the deliveries that are running."""
        self._recipients.pop(subscriber).deliver = None

    def add_receiver(self, receiver: Receiver) -> None:
        """Add a receiver that is no subscriber: it is not counted, and nothing is hidden from it.

        The channel remains open for it only while it is among those with `pending_subscribers`.
        """
        self._recipients[receiver] = _Recipient(receiver.deliver)
        self._receivers += 1

    def remove_receiver(self, receiver: Receiver) -> None:
        """Remove a receiver that is no subscriber."""
        self._recipients.pop(receiver).deliver = None
        self._receivers -= 1

    async def deliver(self, delivery: Delivery) -> None:
        """Deliver a broadcast to the present recipients; other tasks run in the meantime."""
        for number, recipient in enumerate(tuple(self._recipients.values()), 1):
            deliver = recipient.deliver
            if deliver is not None:
                deliver(delivery)
            if number % BATCH_SIZE == 0:
                await asyncio.sleep(0)

    def report_gap(self) -> None:
        """Notify the recipients that broadcasts may have been lost."""
        for subscriber in tuple(self._recipients):
            subscriber.gap(self._name)

    def visible_to(
        self, subscription: Subscription, deliveries: Iterable[Delivery]
    ) -> list[Delivery]:
        """Return the broadcasts that pass the filter of the channel."""
        return [
            delivery
            for delivery in deliveries
            if not self._is_filtered or self._is_visible(delivery, subscription)
        ]

    def _deliver_if_visible(self, subscription: Subscription, delivery: Delivery, /) -> None:
        if self._is_visible(delivery, subscription):
            subscription.subscriber.deliver(delivery)

    def _is_visible(self, delivery: Delivery, subscription: Subscription) -> bool:
        try:
            return decision(self._channel.visible(delivery, subscription))
        except BaseException:
            if self._failed is not delivery:
                self._failed = delivery
                logger.exception("channel %r: visible failed; the broadcast is hidden", self._name)
            return False


class _Recipient:
    """A subscriber as the recipient of deliveries.

    Its position among the recipients stays when its subscription is authorized again, and a
    subscriber that unsubscribes and returns is another one.
    """

    __slots__ = ("deliver",)

    def __init__(self, deliver: Callable[[Delivery], None]) -> None:
        #: `None` when it is removed.
        self.deliver: Callable[[Delivery], None] | None = deliver
