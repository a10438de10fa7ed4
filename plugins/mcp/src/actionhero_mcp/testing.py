"""`mcp_client`: an agent in the process of a test, or of a command."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from actionhero import Answer, ErrorType, Principal, TypedError
from actionhero_mcp.jsonrpc import Request, RpcError
from actionhero_mcp.peer import Peer
from actionhero_mcp.revisions import MODERN, REVISIONS
from actionhero_mcp.service import McpService, service_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from actionhero import Application
    from actionhero.testing import RunningApp


class McpClient:
    """An agent that calls tools, reads resources and gets prompts of an application.

    Args:
        service: The service of the application.
        principal: Its principal; `None`: anonymous.
        answers: The answers to questions of actions, by their keys: values of the form, or an
            `Answer`.
    """

    def __init__(
        self,
        service: McpService,
        principal: Principal | None,
        answers: Mapping[str, Any],
    ) -> None:
        self._service = service
        self._principal = principal
        self._answers = answers
        self._ids = count(1)
        #: The notifications of the server: methods and parameters.
        self.notifications: list[tuple[str, dict[str, Any]]] = []

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Receive a notification."""
        self.notifications.append((method, params))

    async def request(self, method: str, params: Mapping[str, Any] = {}) -> dict[str, Any]:
        """Send a request, and return its result as the protocol has it.

        Questions are answered as far as there are answers; otherwise the result asks for input.

        Raises:
            TypedError: The response is an error of JSON-RPC; its cause is the error.
        """
        capabilities: dict[str, Any] = {"elicitation": {"form": {}}}
        peer = Peer(REVISIONS[MODERN[0]], capabilities, "test", "1", "debug")
        sent = dict(params)
        while True:
            connection = self._service.connect(peer, self, None, self._principal)
            try:
                body = await self._service.dispatch(
                    Request(method, sent, next(self._ids)), connection
                )
            except RpcError as error:
                raise TypedError(error.message) from error
            result: dict[str, Any] = json.loads(body)
            questions = result.get("inputRequests")
            if not questions or not questions.keys() <= self._answers.keys():
                return result
            sent |= {
                "inputResponses": {key: _response(self._answers[key]) for key in questions},
                "requestState": result["requestState"],
            }

    async def call(self, tool: str, /, **arguments: Any) -> Any:
        """Call a tool, and return the structured content of its result, or else its text.

        Raises:
            TypedError: The tool failed, or does not exist.
        """
        result = await self.request("tools/call", {"name": tool, "arguments": arguments})
        if result["resultType"] != "complete":
            return result
        text = "\n".join(block["text"] for block in result["content"] if "text" in block)
        if result.get("isError"):
            raise _error_of(text)
        return result.get("structuredContent", text)

    async def read(self, uri: str) -> Any:
        """Read a resource, and return its content: text, or bytes in Base64.

        Raises:
            TypedError: It does not exist, or cannot be read.
        """
        [content] = (await self.request("resources/read", {"uri": uri}))["contents"]
        return content.get("text", content.get("blob"))

    async def prompt(self, name: str, /, **arguments: str) -> list[dict[str, Any]]:
        """Get a prompt, and return its messages.

        Raises:
            TypedError: It does not exist, or its arguments are invalid.
        """
        result = await self.request("prompts/get", {"name": name, "arguments": arguments})
        messages: list[dict[str, Any]] = result["messages"]
        return messages

    async def tools(self) -> list[str]:
        """Return the names of the listed tools."""
        return [tool["name"] for tool in (await self.request("tools/list"))["tools"]]


@asynccontextmanager
async def mcp_client(
    app: RunningApp,
    *,
    user: Any = None,
    scopes: Iterable[str] | None = None,
    answers: Mapping[str, Any] = {},
) -> AsyncIterator[McpClient]:
    """Return an agent in the process of the test.

    Args:
        app: The running application, with the plugin `mcp`.
        user: The user; `None`: anonymous.
        scopes: The scopes that the user has granted; `None`: all.
        answers: The answers to questions of actions, by their keys.
    """
    granted = None if scopes is None else frozenset(scopes)
    principal = None if user is None else Principal(user, scopes=granted, method="test")
    yield client_of(app.app, principal, answers)


def client_of(
    app: Application, principal: Principal | None, answers: Mapping[str, Any] = {}
) -> McpClient:
    """Return an agent of a started application."""
    return McpClient(service_for(app), principal, answers)


def _response(answer: Any) -> dict[str, Any]:
    """Return an answer as the result of a question."""
    if isinstance(answer, Answer):
        if not answer.accepted:
            return {"action": answer.action}
        answer = answer.value
    return {"action": "accept", "content": answer}


def _error_of(text: str) -> TypedError:
    """Return the error in the text of a result."""
    document = json.loads(text)["error"]
    return TypedError(
        document["message"], type=ErrorType(document["type"]), key=document.get("key")
    )
