"""Connections of clients, and the interface of session stores."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from actionhero.errors import ConnectionTypeNotFound
from actionhero.identifier import new_identifier

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from actionhero.answer import Answer
    from actionhero.identity.principal import Credentials, Principal
    from actionhero.identity.session import Session


#: https://www.w3.org/TR/trace-context/
TRACE_FIELDS: Final = ("traceparent", "tracestate")
#: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
#: A token (RFC 9110 §5.6.2): the name of a header or a cookie, or a scheme.
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: The value of a header (RFC 9110 §5.5). Values outside of ASCII are sent as UTF-8.
HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
#: The headers of the framing and of the connection, and the type of what the action has returned.
_SERVER_HEADERS: Final = frozenset(
    {"connection", "content-length", "content-type", "date", "transfer-encoding"}
)


class Connection:
    """The client, for as long as it stays.

    One connection may have many calls at once, so it holds no state of a call.

    Args:
        transport: The name of the transport: `web`, `websocket`, `cli`, `task`, `test`, …
        remote: The address of the client; `None` if there is none.
        id: The identifier; generated if omitted.
        raw: The transport's own object, such as the HTTP request.
    """

    __slots__ = (
        "_id",
        "credentials",
        "is_cross_site",
        "principal",
        "raw",
        "remote",
        "response_headers",
        "session",
        "session_id",
        "store_state",
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
        #: Whether a page of another site sent the request: the call cannot change a session.
        self.is_cross_site = False
        #: The credentials of its calls, other than a session. A transport that receives them in
        #: headers gets them from `Pipeline.authentication`.
        self.credentials: Credentials | None = None
        #: The principal of its calls, if the transport knows it: that of a job, for example.
        self.principal: Principal | None = None
        #: The session, if it lives as long as the connection.
        self.session: Session | None = None
        #: The identifier of the stored session: `None` if unknown, empty if there is none.
        self.session_id: str | None = None
        #: State of the session store, for a connection with many calls.
        self.store_state: Any = None
        #: Headers of the response, such as a cookie, for transports with headers.
        self.response_headers: tuple[tuple[str, str], ...] | None = None
        #: The subscribed channels; `None` if there are none.
        self.subscriptions: set[str] | None = None

    @property
    def id(self) -> str:
        """The identifier of this connection."""
        # Generated on demand: few HTTP requests need it.
        if self._id is None:
            self._id = new_identifier()
        return self._id

    @property
    def trace_fields(self) -> Mapping[str, str]:
        """The trace fields of its only call, from the headers of `raw`; others override this."""
        headers = getattr(self.raw, "headers", None)
        if headers is None:
            return {}
        return {name: headers[name] for name in TRACE_FIELDS if name in headers}

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key of its only call, from the headers of `raw`; others override this."""
        headers = getattr(self.raw, "headers", None)
        if headers is None or IDEMPOTENCY_KEY not in headers:
            return None
        # Several headers are one list, which is no valid key (RFC 9110 §5.3).
        return ", ".join(headers.getall(IDEMPOTENCY_KEY))

    def add_response_header(self, name: str, value: str) -> None:
        """Add a header to the response of its only call; without effect if there are no headers.

        Transports with several calls on a connection override this.

        Raises:
            ValueError: The name or the value cannot be written, or the server sets this header.
        """
        check_header(name, value)
        if name.lower() in _SERVER_HEADERS:
            raise ValueError(
                f"the header {name!r} of the response is set by the server; return a response of "
                "the transport to choose it"
            )
        self.response_headers = (*(self.response_headers or ()), (name, value))

    def log_facts(self, outcome: Any) -> Mapping[str, Any] | None:
        """Return facts for the log line of a call, such as the status of its response.

        Transports may override this. Called only if the lines of calls are written.

        Args:
            outcome: The `Outcome` of the call.
        """
        return None

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report the progress of a call; see `Call.progress`. Transports may override this.

        Args:
            done: The amount of work that is done.
            total: The total amount of work; `None` if unknown.
            message: A description of the present step.
        """

    async def ask(self, question: str, type_: Any, *, key: str | None = None) -> Answer[Any]:
        """Ask the user of a call a question; see `Call.ask`. Transports may override this.

        Raises:
            ConnectionTypeNotFound: The transport cannot ask.
        """
        raise ConnectionTypeNotFound(
            f"This action asks the user a question, which the transport {self.transport!r} "
            "does not support"
        )

    def session_saved(self, session: Session) -> None:
        """Handle the end of a call that has changed the session. Transports may override this.

        Args:
            session: The session, as the store has saved it.
        """

    def __repr__(self) -> str:
        return f"<Connection {self.transport} from {self.remote}>"


def check_header(name: str, value: str) -> None:
    """Check that a header of a response can be written.

    A line break in a value would be the start of another header.

    Raises:
        ValueError: Its name or its value cannot be written; the message contains the name.
    """
    if not HEADER_NAME.fullmatch(name):
        raise ValueError(f"the name of the header {name!r} of the response is invalid")
    if not HEADER_VALUE.fullmatch(value):
        raise ValueError(
            f"the header {name!r} of the response contains a control character, or a half of a "
            "surrogate pair; remove it, or encode the value"
        )


class SessionStore(ABC):
    """A store of sessions, provided by the hook `actionhero_session_store`.

    Without a store, a session lives as long as its connection.
    """

    #: The session key of the signed-in user.
    user_key: str = "userId"

    @abstractmethod
    async def open(self, connection: Connection) -> Session:
        """Return the session of `connection`; a new, empty one if there is none.

        Called once per call, before the inputs are validated. Must not store an empty session.
        """

    @abstractmethod
    async def save(self, connection: Connection, session: Session) -> None:
        """Save the changes of `session`. Called after a successful call that changed it."""

    def has_session(self, connection: Connection) -> bool:
        """Return whether the request of `connection` has the identifier of a session.

        For transports that refuse requests from pages of other sites.
        """
        return False

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifier of each session that ends from now on, in any process.

        For transports whose connections outlive a call. `None` stands for all sessions: before
        the first, and during an interruption, any may have ended. A store that cannot detect this
        yields nothing.
        """
        revoked: tuple[str | None, ...] = ()
        for id in revoked:
            yield id
