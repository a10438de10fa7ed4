"""Who is there, for as long as they stay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from actionhero.identifier import new_identifier

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero.session import Session


class Connection:
    """Somebody at a door. One connection may have many calls at once, so it holds nothing of any.

    Args:
        transport: Which door: `web`, `websocket`, `cli`, `task`, `test`, …
        remote: The address of the other side; `None` where there is none.
        id: Its identifier; made up where none is given.
        raw: The door's own object, such as the HTTP request.
    """

    __slots__ = (
        "_id",
        "response_headers",
        "raw",
        "remote",
        "session",
        "session_id",
        "subscriptions",
        "transport",
    )

    def __init__(
        self,
        transport: str,
        remote: str | None = None,
        *,
        id: str | None = None,
        raw: Any = None,
    ) -> None:
        self.transport = transport
        self.remote = remote
        self.raw = raw
        self._id = id
        #: The session, where it lives as long as the connection; else `None`.
        self.session: Session | None = None
        #: The identifier of its session in a store, as far as is known; empty: it has none.
        self.session_id: str | None = None
        #: Headers that its answer must have, such as a cookie, where the door has headers.
        self.response_headers: tuple[tuple[str, str], ...] | None = None
        #: The channels that were joined; `None` as long as there are none.
        self.subscriptions: set[str] | None = None

    @property
    def id(self) -> str:
        """The identifier of this connection."""
        # Made when it is asked for: most HTTP requests never are.
        if self._id is None:
            self._id = new_identifier()
        return self._id

    def progress(self, done: float, total: float | None = None) -> None:
        """Take note of how far a call is; see `Call.progress`. Doors that can tell it override it.

        Args:
            done: How much of the work is done.
            total: How much there is; `None`: nobody knows.
        """

    def __repr__(self) -> str:
        return f"<Connection {self.transport} from {self.remote}>"


class SessionStore(ABC):
    """Where sessions are kept; the hook `actionhero_session_store` gives one.

    Without one, a session lives as long as its connection.
    """

    @abstractmethod
    async def open(self, connection: Connection) -> Session:
        """Return the session of `connection`: an empty one, if it has none yet.

        Called once per call, before the inputs are validated. Must not write anything for a
        visitor of whom nothing is remembered.
        """

    @abstractmethod
    async def save(self, connection: Connection, session: Session) -> None:
        """Keep the changes of `session`. Called when a call that changed it ended with a value."""

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifier of each session that ends from now on, in whichever process.

        For doors whose connections outlive a call. `None` stands for all of them: after an
        interruption, any may have ended. A store that cannot tell yields nothing.
        """
        told: tuple[str | None, ...] = ()
        for id in told:
            yield id
