"""`Server`: runs a transport, and `Supervisor`: runs worker processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from actionhero.application import RunMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.application import Application, Link


class Server(ABC):
    """Runs a transport. Subclass it, and give it a `name`.

    A server translates a request into *(connection, action name, payload)*, awaits
    `app.pipeline.execute`, and translates the outcome into a response. The pipeline does the rest.

    The shutdown has three steps, which several servers take together (see `actionhero.lifecycle`):
    `stop_accepting`, `finish`, `close`.
    """

    #: Its name in listings and messages.
    name: ClassVar[str]
    #: The kinds of processes that it is started in.
    modes: ClassVar[frozenset[RunMode]] = frozenset({RunMode.SERVER})

    @abstractmethod
    async def start(self, app: Application) -> None:
        """Open, and accept calls.

        Raises:
            BootError: It cannot open. A port in use is a `ConfigurationError`, exit code 78.
        """

    async def stop_accepting(self) -> None:
        """Accept no new connections, and no new calls on open connections."""

    async def finish(self) -> None:
        """Wait until no call is open. Cancelled when the grace period is over."""

    @abstractmethod
    async def close(self) -> None:
        """Cancel open calls, close connections and sockets."""

    def announcement(self) -> Sequence[str]:
        """Return the lines to print after the start, such as the address of the server."""
        return ()

    def links(self) -> Sequence[Link]:
        """Return the URLs of its pages, to print after a start in development."""
        return ()

    def examples(self) -> Sequence[str]:
        """Return commands that succeed on this server, to print after a start in development."""
        return ()


class Supervisor(ABC):
    """Starts, monitors and stops worker processes; returned by `actionhero_supervisor`."""

    #: Whether it runs although the application has errors, because they may be fixed meanwhile.
    #: Invalid settings prevent it nevertheless.
    tolerates_load_errors: ClassVar[bool] = False

    @abstractmethod
    def run(self) -> int:
        """Run in the main thread until the shutdown, and return the exit code."""
