"""What an author writes: `Channel`, and the middleware around joining and leaving one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero import Application, Connection, Session
    from actionhero_channels.subscriber import Subscriber

Resource = TypeVar("Resource")


class Subscription:
    """Somebody who joins, or is in, a channel: handed to a channel and to its middleware.

    Args:
        app: The application.
        subscriber: Who joins.
        session: What is remembered of them.
        channel: The name of the channel, as it was asked for.
        params: What stands in the places of its name, such as `{"id": "7"}` for `room:{id}`.
    """

    __slots__ = ("_app", "channel", "params", "presence_key", "session", "subscriber")

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
        #: As whom they are here; `None` before they are, and if they are not told of.
        self.presence_key: str | None = None

    @property
    def connection(self) -> Connection:
        """Who is there."""
        return self.subscriber.connection

    def get(self, type_: type[Resource]) -> Resource:
        """Return what an initializer provides as `type_`, or the settings of that class."""
        return self._app.get(type_)


class ChannelMiddleware:
    """Runs around being in a channel. One instance serves all subscriptions at once."""

    async def before(self, subscription: Subscription) -> None:
        """Look at who wants to join, from the outside in.

        Raises:
            TypedError: To refuse them, such as `ChannelRefused`.
        """

    async def after(self, subscription: Subscription) -> None:
        """Look at who has left, from the inside out, if `before` has let them in.

        Called, too, if what is further in refused them. What it raises is logged.
        """


class Channel:
    """A channel that can be joined, found in an application like its actions: subclass it.

    ```python
    class Room(Channel):
        \"\"\"What is said in a room.\"\"\"

        name = "room:{id}"
        history = 200

        async def authorize(self, subscription: Subscription) -> None:
            if "userId" not in subscription.session:
                raise ChannelRefused("Sign in to join this room")
    ```

    The description is the docstring. One instance serves all subscriptions at once.
    """

    #: What it is called. A place in braces stands for one or more characters without a colon; a
    #: name without places goes before one with.
    name: ClassVar[str]
    #: How many of the newest broadcasts are kept, for whoever was away for a moment; 0: none.
    history: ClassVar[int] = 0
    #: Around joining and leaving, the outermost first.
    middleware: ClassVar[Sequence[ChannelMiddleware]] = ()

    async def authorize(self, subscription: Subscription) -> None:
        """Decide who may join; everybody may, where this is left out.

        Raises:
            TypedError: To refuse them, such as `ChannelRefused`.
        """

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Return as whom somebody is here: by their connection, where this is left out.

        Who has one key is here once, however many connections they have.

        Returns:
            The key, or `None` for who is not told of.
        """
        return subscription.connection.id
