"""`McpConnection`: the connection of one request of a client."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from actionhero import Answer, Connection, ConnectionTypeNotFound, InputRequired, InvalidInput
from actionhero.transport import TRACE_FIELDS
from actionhero_mcp.elicitation import form_of
from actionhero_mcp.revisions import LOG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from actionhero_mcp.peer import Peer
    from actionhero_mcp.progress import ProgressReporter
    from actionhero_mcp.sink import MessageSink

#: The capability that a client must declare for each request of the server, and its mode.
_CAPABILITIES: Final = {
    "elicitation/create": ("elicitation", "form"),
    "sampling/createMessage": ("sampling", ""),
    "roots/list": ("roots", ""),
}


#: Shared, as few calls ask anything.
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class MissingCapability(ConnectionTypeNotFound):
    """Raised when an action asks the client for something that the client has not declared.

    Args:
        capability: The capability, such as `elicitation`.
    """

    def __init__(self, capability: str) -> None:
        super().__init__(f"The client has not declared the capability {capability!r}")
        self.capability = capability


class McpConnection(Connection):
    """The connection of one request of a client.

    Args:
        peer: The client, also `connection.raw`. The HTTP request and the token are not reachable.
        sink: Sends messages to the client.
        remote: The address of the client.
    """

    __slots__ = ("answered", "answers", "can_challenge", "confirm", "enqueues", "job_id", "meta",
                 "peer", "progress_reporter", "questions", "request_id", "sink")  # fmt: skip

    def __init__(self, peer: Peer, sink: MessageSink, remote: str | None = None) -> None:
        super().__init__("mcp", remote, raw=peer)
        self.peer = peer
        self.sink = sink
        #: The identifier of the request in the log; empty: a new one.
        self.request_id = ""
        #: Whether the client can be asked for credentials.
        self.can_challenge = False
        #: Identifies the caller again, whose credentials may be revoked since; `None` without any.
        self.confirm: Callable[[], Awaitable[None]] | None = None
        #: Whether the call is enqueued as a job instead of being run.
        self.enqueues = False
        #: The id of that job.
        self.job_id = ""
        #: The member `_meta` of the request.
        self.meta: Mapping[str, Any] = _NOTHING
        #: Reports progress, if the client wants it.
        self.progress_reporter: ProgressReporter | None = None
        #: The answers of the client to earlier questions, by their keys.
        self.answers: Mapping[str, Any] = _NOTHING
        #: The keys of the answers that the action has used.
        self.answered: frozenset[str] = frozenset()
        #: The questions without an answer, by their keys.
        self.questions: Mapping[str, dict[str, Any]] = _NOTHING

    @property
    def trace_fields(self) -> Mapping[str, str]:
        """The trace fields in `_meta`."""
        fields = {name: self.meta.get(name) for name in TRACE_FIELDS}
        return {name: value for name, value in fields.items() if isinstance(value, str)}

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report the progress of the call, if the client has sent a token for it."""
        if self.progress_reporter is not None:
            self.progress_reporter.report(done, total, message)

    async def ask(self, question: str, type_: Any, *, key: str | None = None) -> Answer[Any]:
        """Ask the user of the client; see `Call.ask`.

        Raises:
            MissingCapability: The client cannot ask.
            InputRequired: The client has to answer, and to send the request again.
            InvalidInput: The answer does not fit the form.
        """
        form = form_of(type_)
        params = {"mode": "form", "message": question, "requestedSchema": form.schema}
        result = await self.request("elicitation/create", params, key=key, check=form.answer)
        answer = form.answer(result)
        if answer is None:
            raise InvalidInput("The answer does not fit the form of the question")
        return answer

    async def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        key: str | None = None,
        check: Callable[[Any], Any] = lambda result: result if isinstance(result, dict) else None,
    ) -> Any:
        """Send a request of the protocol to the client, and return its result.

        Args:
            method: `elicitation/create`, `sampling/createMessage` or `roots/list`.
            params: Its parameters.
            key: The name of the request in this call; by default its position.
            check: Returns `None` for a result that has to be asked for again.

        Raises:
            MissingCapability: The client has not declared the capability.
            InputRequired: The client has to answer, and to send the call again.
        """
        capability, mode = _CAPABILITIES.get(method, (method, ""))
        if not self.peer.can(capability, mode):
            raise MissingCapability(capability)
        if not self.peer.revision.is_modern:
            return await self.sink.request(method, params)
        if key is None:
            key = f"input-{len(self.questions) + len(self.answered) + 1}"
        result = self.answers.get(key)
        if result is not None and check(result) is not None:
            self.answered |= {key}
            return result
        self.questions = {**self.questions, key: {"method": method, "params": params}}
        # Requests that the action sends at the same time are answered together.
        await asyncio.sleep(0)
        raise InputRequired("The user has to answer a question")

    def log(self, level: str, data: Any, logger: str | None = None) -> None:
        """Send a log message to the client, if it wants messages of this level.

        Args:
            level: One of the levels of RFC 5424, such as `info`.
            data: A JSON value.
            logger: The name of the logger.

        Raises:
            ValueError: The level is unknown.
        """
        least = self.peer.log_level
        if LOG_LEVELS.index(level) < (
            len(LOG_LEVELS) if least is None else LOG_LEVELS.index(least)
        ):
            return
        params = {"level": level, "data": data}
        if logger is not None:
            params["logger"] = logger
        self.sink.notify("notifications/message", params)
