"""`Declarations`: actors and middleware that were declared before an application runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dramatiq import Broker

if TYPE_CHECKING:
    from dramatiq import Message, Middleware

    from actionhero_tasks.dramatiq.application_broker import ApplicationBroker


class Declarations(Broker):
    """The global broker while no application runs. An application that starts takes the actors.

    The options of actors are validated then, with the middleware of the application.
    """

    def __init__(self) -> None:
        #: Middleware that was added, with its position.
        self._added: list[tuple[Middleware, dict[str, Any]]] = []
        super().__init__([])
        # A package that patches dramatiq's constructor adds its own to every broker.
        self._added.clear()
        self.queues: set[str] = set()
        self.actor_options = _AnyOptions()

    def add_middleware(self, middleware: Middleware, **position: Any) -> None:
        """Add a middleware to the broker of the application that starts."""
        self._added.append((middleware, position))

    def declare_queue(self, queue_name: str) -> None:
        """Record the queue of an actor."""
        self.queues.add(queue_name)

    def get_declared_queues(self) -> set[str]:
        """Return the queues of the actors."""
        return set(self.queues)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Refuse the message.

        Raises:
            RuntimeError: Always, because no application runs.
        """
        raise RuntimeError(
            f"message for actor {message.actor_name!r} cannot be enqueued, because no application "
            "is running in this process; enqueue it in an action, or start the application before"
        )

    def move_to(self, broker: ApplicationBroker) -> None:
        """Declare the actors on a broker, and add the middleware to it.

        Raises:
            BootError: An actor has the name of an action, or an unknown option.
        """
        for middleware, position in self._added:
            if middleware not in broker.middleware:
                broker.add_middleware(middleware, **position)
        for actor in self.actors.values():
            broker.adopt(actor)

    def take_back(self, broker: ApplicationBroker, successor: Broker | None) -> None:
        """Bind the actors of a broker to its successor; `None`: to this broker."""
        for actor in broker.plain_actors():
            self.actors[actor.actor_name] = actor
            if actor.broker is broker:
                actor.broker = successor or self


class _AnyOptions(set[str]):
    """The options of actors, of which none is unknown."""

    def __rsub__(self, names: Any) -> Any:
        return set()


#: Those of this process.
DECLARATIONS: Final = Declarations()
