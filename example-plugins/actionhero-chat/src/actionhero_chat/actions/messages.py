"""Actions that create, read, list and delete messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, TypedDict

from actionhero import Action, Call, Field, Inputs, NotFound, Permission, Scope
from actionhero_channels import Channels
from actionhero_chat.access import DELETE_MESSAGES, WRITE_MESSAGES
from actionhero_chat.fields import IntRange, RowId, Text
from actionhero_chat.ops import messages, users
from actionhero_db import Database, Page, Pagination
from actionhero_limits import Limit
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route

#: The largest integer that every JSON client reads without loss of precision (RFC 8259, 6).
MAX_SAFE_INTEGER = 2**53 - 1
DAY_MS = 24 * 60 * 60 * 1000


class MessageCreated(TypedDict):
    """The result of `message:create`."""

    message: messages.MessageData


class MessageDetails(TypedDict):
    """The result of `message:view`, and the broadcast of a message."""

    message: messages.MessageWithAuthor


class MessageDeleted(TypedDict):
    """The result of `message:delete`, and its broadcast: the id of the deleted message."""

    deleted: int


class MessageList(TypedDict):
    """A page of messages, newest first, with the total number of messages."""

    messages: list[messages.MessageWithAuthor]
    pagination: Pagination


class MessagesDeleted(TypedDict):
    """The number of deleted messages."""

    messagesDeleted: int


class Greeting(TypedDict):
    """A greeting with the current time."""

    message: str


class MessageCreateInputs(Inputs):
    """The inputs of `message:create`."""

    body: Annotated[
        str,
        Text(1, 1000, "Message body is required", "Message must be less than 1000 characters"),
    ] = Field(description="The text of the message.")


class MessageCreate(Action):
    """Write a message, and broadcast it in the channel `messages`."""

    name = "message:create"
    web = Route.put("/message")
    limit = Limit("300/minute", by="user", burst=1000)
    # Messages of one client are saved in the order in which it sends them.
    websocket = "ordered"
    # PUT is the method of the original; two calls write two messages.
    mcp: ClassVar = {"tool": {"idempotent": False}}
    openapi = Operation(errors=[], examples={"a greeting": {"body": "Hello"}})
    requires = Scope(WRITE_MESSAGES)
    middleware = [RequireSession()]

    async def run(self, inputs: MessageCreateInputs, call: Call) -> MessageCreated:
        message, author = await messages.create(call.session["userId"], inputs.body)
        await _broadcast_message(call, message, author)
        return {"message": message}


class MessageViewInputs(Inputs):
    """The inputs of `message:view` and `message:delete`."""

    message: RowId = Field(description="The id of the message.")


class MessageView(Action):
    """Return a message."""

    name = "message:view"
    web = Route.get("/message/{message}")
    mcp = True
    openapi = Operation(errors=[NotFound], examples={"the first": {"message": 1}})
    middleware = [RequireSession()]

    async def run(self, inputs: MessageViewInputs) -> MessageDetails:
        return {"message": await messages.find(inputs.message)}


class MessageDelete(Action):
    """Delete a message of any user, and remove it from the pages of its readers."""

    name = "message:delete"
    web = Route.delete("/message/{message}")
    openapi = Operation(errors=[NotFound], examples={"an unknown one": {"message": 2147483647}})
    requires = Scope(WRITE_MESSAGES) & Permission(DELETE_MESSAGES)
    middleware = [RequireSession()]

    async def run(self, inputs: MessageViewInputs, call: Call) -> MessageDeleted:
        await messages.delete(inputs.message)
        deleted: MessageDeleted = {"deleted": inputs.message}
        await _broadcast(call, deleted, call.principal.user)
        return deleted


class MessagesListInputs(Page):
    """The inputs of `messages:list`."""

    page: Annotated[int, IntRange(1, MAX_SAFE_INTEGER)] = Field(
        default=1, description="The number of the page, from 1."
    )
    limit: Annotated[int, IntRange(1, 100)] = Field(
        default=10, description="The number of messages per page."
    )


class MessagesList(Action):
    """List the messages, newest first."""

    name = "messages:list"
    web = Route.get("/messages/list")
    mcp = True
    openapi = Operation(errors=[], examples={"the newest": {"page": 1, "limit": 10}})
    middleware = [RequireSession()]

    async def run(self, inputs: MessagesListInputs) -> MessageList:
        rows, pagination = await messages.fetch_page(inputs)
        return {"messages": rows, "pagination": pagination}


class MessagesCleanupInputs(Inputs):
    """The inputs of `messages:cleanup`."""

    age: Annotated[int, IntRange(1000, MAX_SAFE_INTEGER)] = Field(
        default=DAY_MS, description="The age in milliseconds above which messages are deleted."
    )


class MessagesCleanup(Action):
    """Delete old messages."""

    name = "messages:cleanup"
    task = {"every": timedelta(hours=1)}

    async def run(self, inputs: MessagesCleanupInputs) -> MessagesDeleted:
        count = await messages.delete_older_than(timedelta(milliseconds=inputs.age))
        return {"messagesDeleted": count}


class MessagesHello(Action):
    """Write a message with the current time as the user Admin."""

    name = "messages:hello"
    task: ClassVar[dict[str, Any]] = {}

    async def run(self, call: Call) -> Greeting:
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        greeting = f"Hello! The current time is {time}"
        admin = await users.find_default()
        if admin is not None:
            await _broadcast_message(call, *await messages.create(admin.id, greeting))
        return {"message": greeting}


class MessagesHelloEveryMinute(MessagesHello):
    """Write a message with the current time as the user Admin."""

    task = {"every": timedelta(minutes=1)}


async def _broadcast_message(call: Call, message: messages.MessageData, author: str) -> None:
    details: MessageDetails = {"message": {**message, "user_name": author}}
    await _broadcast(call, details, message["user_id"])


async def _broadcast(call: Call, payload: MessageDetails | MessageDeleted, user: Any) -> None:
    """Broadcast a change after the commit, so that a failed broadcast rolls nothing back."""
    await call.get(Database).after_commit(
        call.get(Channels).broadcast, "messages", payload, f"user:{user}"
    )
