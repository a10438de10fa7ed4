"""Write to everybody, read what was written, clean up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypedDict

from actionhero import Action, Call, Field, Inputs, NotFound
from actionhero_channels import Channels
from actionhero_chat.fields import Between, RowId, Text
from actionhero_chat.ops import messages, users
from actionhero_db import Database, Page, Pagination
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route

if TYPE_CHECKING:
    from actionhero_chat.models import Message

#: What every client takes for a whole number without a loss (RFC 8259, 6).
LARGEST = 2**53 - 1
DAY_MS = 24 * 60 * 60 * 1000


class WrittenMessageShown(TypedDict):
    """A message, told to who wrote it."""

    message: messages.WrittenMessage


class ReadMessageShown(TypedDict):
    """A message, told to who reads it."""

    message: messages.ReadMessage


class MessageList(TypedDict):
    """A page of messages, the newest first, and how many there are."""

    messages: list[messages.ReadMessage]
    pagination: Pagination


class MessagesDeleted(TypedDict):
    """How many messages were removed."""

    messagesDeleted: int


class Greeting(TypedDict):
    """A greeting, and the time of day."""

    message: str


class MessageCreateInputs(Inputs):
    """What is written."""

    body: Annotated[
        str,
        Text(1, 1000, "Message body is required", "Message must be less than 1000 characters"),
    ] = Field(description="What everybody will read.")


class MessageCreate(Action):
    """Write a message to everybody, who hear of it at once in the channel `messages`."""

    name = "message:create"
    web = Route.put("/message")
    openapi = Operation(errors=[], examples={"a greeting": {"body": "Hello"}})
    middleware = [RequireSession()]

    async def run(self, inputs: MessageCreateInputs, call: Call) -> WrittenMessageShown:
        message = await messages.add(call.session["userId"], inputs.body)
        await _let_all_hear(call, message)
        return {"message": messages.written(message)}


class MessageViewInputs(Inputs):
    """Which message is read."""

    message: RowId = Field(description="The id of the message.")


class MessageView(Action):
    """Read a message."""

    name = "message:view"
    web = Route.get("/message/{message}")
    openapi = Operation(errors=[NotFound], examples={"the first": {"message": 1}})
    middleware = [RequireSession()]

    async def run(self, inputs: MessageViewInputs) -> ReadMessageShown:
        return {"message": messages.read(await messages.find(inputs.message))}


class MessagesListInputs(Page):
    """Which part of the messages is read."""

    page: Annotated[int, Between(1, LARGEST)] = Field(default=1, description="Which page, from 1.")
    limit: Annotated[int, Between(1, 100)] = Field(
        default=10, description="How many messages a page has."
    )


class MessagesList(Action):
    """Read the messages, the newest first."""

    name = "messages:list"
    web = Route.get("/messages/list")
    openapi = Operation(errors=[], examples={"the newest": {"page": 1, "limit": 10}})
    middleware = [RequireSession()]

    async def run(self, inputs: MessagesListInputs) -> MessageList:
        found, pagination = await messages.newest(inputs)
        return {"messages": [messages.read(message) for message in found], "pagination": pagination}


class MessagesCleanupInputs(Inputs):
    """How old a message may become."""

    age: Annotated[int, Between(1000, LARGEST)] = Field(
        default=DAY_MS, description="The age from which on messages are removed, in milliseconds."
    )


class MessagesCleanup(Action):
    """Remove old messages."""

    name = "messages:cleanup"
    task = {"every": timedelta(hours=1)}

    async def run(self, inputs: MessagesCleanupInputs) -> MessagesDeleted:
        removed = await messages.remove_older(timedelta(milliseconds=inputs.age))
        return {"messagesDeleted": removed}


class MessagesHello(Action):
    """Let Admin say hello to everybody, and what time it is."""

    name = "messages:hello"
    task: ClassVar[dict[str, Any]] = {}

    async def run(self, call: Call) -> Greeting:
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        greeting = f"Hello! The current time is {time}"
        admin = await users.find_default()
        if admin is not None:
            await _let_all_hear(call, await messages.add(admin.id, greeting))
        return {"message": greeting}


class MessagesHelloEveryMinute(MessagesHello):
    """Let Admin say hello to everybody, and what time it is."""

    task = {"every": timedelta(minutes=1)}


async def _let_all_hear(call: Call, message: Message) -> None:
    """Broadcast a message once it is kept; that nobody could be told undoes nothing."""
    told: ReadMessageShown = {"message": messages.read(message)}
    await call.get(Database).after_commit(
        call.get(Channels).broadcast, "messages", told, f"user:{message.user_id}"
    )
