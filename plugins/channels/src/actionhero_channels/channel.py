"""`Channel`, the base class of an author's channels, `ChannelMiddleware` and `Subscription`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero import Application, Connection, Session
    from actionhero_channels.delivery import Delivery
    from actionhero_channels.subscriber import Subscriber

Resource = TypeVar("Resource")


class Subscription:
    """One connection's subscription to a channel, requested or active.

    Args:
        app: The application.
        subscriber: The subscriber.
        session: The session of its connection.
        channel: The name of the channel, as requested.
        params: The values of the placeholders in its name, for `project:{id}` `{"id": "7"}`.
    """

    __slots__ = ("_app", "channel", "is_active", "params", "presence_key", "session", "settled",
                 "subscriber")  # fmt: skip

    def __init__(
        self,
        app: Application,
        subscriber: Subscriber,
        session: Session,
        channel: str,
        params: Mapping[str, str],
    ) -> None:
        self._app = app
        self.subscriber = subscriber
        self.session = session
        self.channel = channel
        self.params = params
        #: The presence key; `None` until the subscription is active, and if it has no presence.
        self.presence_key: str | None = None
        #: Whether it was authorized, and receives broadcasts.
        self.is_active = False
        #: Set once it is active or refused.
        self.settled = asyncio.Event()

    @property
    def connection(self) -> Connection:
        """The connection of the subscriber."""
        return self.subscriber.connection

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`, or the settings of it."""
        return self._app.get(type_)


class ChannelMiddleware:
    """Middleware around a subscription. One instance serves all subscriptions concurrently."""

    async def before(self, subscription: Subscription) -> None:
        """Run before a subscription is authorized, from the outermost middleware inwards.

        Raises:
            TypedError: To refuse it, such as `ChannelRefused`.
        """

    async def after(self, subscription: Subscription) -> None:
        """Run when a subscription has ended, from the innermost middleware outwards.

        Also called if inner middleware or the channel refused the subscription, but never if
        `before` did not return. Exceptions are logged.
        """


class Channel:
    """Base class of the channels of an application. Subclasses are discovered like actions.

    ```python
    class Project(Channel):
        \"\"\"The events of a project.\"\"\"

        name = "project:{id}"
        history = 200

        async def authorize(self, subscription: Subscription) -> None:
            if "userId" not in subscription.session:
                raise ChannelRefused("Sign in to subscribe to this project")
    ```

    The description is the docstring. One instance serves all subscriptions concurrently.
    """

    #: The name. A placeholder in braces matches one or more characters other than a colon; a
    #: name without placeholders has precedence over one with placeholders.
    name: ClassVar[str]
    #: How many of the newest broadcasts are retained for subscribers that reconnect; 0: none.
    history: ClassVar[int] = 0
    #: The type of the messages, such as a model or a typed dictionary, for API documents.
    #: Broadcasts are not checked against it.
    message: ClassVar[Any] = Any
    #: Middleware around subscriptions, the outermost first.
    middleware: ClassVar[Sequence[ChannelMiddleware]] = ()

    async def authorize(self, subscription: Subscription) -> None:
        """Check whether a connection may subscribe; by default, every connection may.

        Raises:
            TypedError: To refuse it, such as `ChannelRefused`.
        """

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Return the presence key of a subscription; by default, the id of the connection.

        All subscriptions with the same key count as one member.

        Returns:
            The key, or `None` to hide the subscription from presence.
        """
        return subscription.connection.id

    def visible(self, delivery: Delivery, subscription: Subscription) -> bool:
        """Return whether a subscriber receives a broadcast; by default, each receives all.

        Called for each broadcast and subscriber, and for each broadcast of a backlog, if a
        subclass overrides it. Presence events are broadcasts too, with the sender `presence`. An
        exception hides the broadcast from the subscriber, and is logged.

        Args:
            delivery: The broadcast. Its `message` is decoded once for all subscribers.
            subscription: The subscription, with the session that it was authorized with.
        """
        return True
