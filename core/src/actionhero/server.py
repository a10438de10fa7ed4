"""A door: brings calls to actions and takes outcomes back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from actionhero.application import RunMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.application import Application


class Server(ABC):
    """One kind of door: subclass it, give it a `name`, and translate.

    A server turns its own kind of request into *(action name, raw inputs, connection)*, awaits
    `app.pipeline.execute`, and turns the outcome into its own kind of answer. Nothing else about
    a call is its business.

    The end comes in three steps, all driven by the drain (see `actionhero.lifecycle`), so that
    several servers stop together: `stop_accepting`, `finish`, `close`.
    """

    #: By which listings and messages name it.
    name: ClassVar[str]
    #: In which kinds of process it opens.
    modes: ClassVar[frozenset[RunMode]] = frozenset({RunMode.SERVER})

    @abstractmethod
    async def start(self, app: Application) -> None:
        """Open, and accept calls from now on.

        Raises:
            BootError: It cannot open; a port in use is a `ConfigurationError`, exit code 78.
        """

    async def stop_accepting(self) -> None:
        """Take no new connection, and no new call on the connections that are there."""

    async def finish(self) -> None:
        """Return when no call is open any more. Cancelled when the grace time is over."""

    @abstractmethod
    async def close(self) -> None:
        """Close what is still open: cancel calls, tell clients, free the sockets."""

    def announcement(self) -> Sequence[str]:
        """Return lines that tell a person how to reach this server, once it has started."""
        return ()


class Supervisor(ABC):
    """Starts processes, looks after them, and ends them; given by `actionhero_supervisor`."""

    #: Whether it runs although something is wrong with the application, which may be mended
    #: meanwhile. Wrong settings are refused all the same.
    tolerates_load_errors: ClassVar[bool] = False

    @abstractmethod
    def run(self) -> int:
        """Run until told to stop, in the main thread, and return the exit code."""
