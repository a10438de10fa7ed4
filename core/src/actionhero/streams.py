"""Results in pieces: events, streams of bytes or text, and the transfer of their items."""

from __future__ import annotations

import json  # not `actionhero.json`, which imports pydantic
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args

if TYPE_CHECKING:
    from datetime import timedelta


Content = TypeVar("Content")

#: The media type of chunks by default.
BYTES = "application/octet-stream"


class Event(Generic[Content]):
    """An item of a stream of events, with a name, an identifier or a retry time.

    An action that is an async generator may yield any value. It yields an `Event` to name the
    event, or to let a client resume the stream later. Transports without events send the data.

    Args:
        data: The data: text unchanged, other values as JSON.
        event: The name of the event, one line; clients listen for it.
        id: The identifier that a client sends to resume the stream; one line.
        retry: The time that a client waits before it connects again.
    """

    # Not a dataclass: its schema would be an object with four keys.
    __slots__ = ("data", "event", "id", "retry")

    def __init__(
        self,
        data: Content,
        event: str | None = None,
        id: str | None = None,
        retry: timedelta | None = None,
    ) -> None:
        for name, text in (("event", event), ("id", id)):
            if text is not None and any(character in text for character in "\r\n\0"):
                raise ValueError(
                    f"the {name} {text!r} of an event has a line break or a NUL; "
                    "write it in one line"
                )
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"Event({self.data!r}, event={self.event!r}, id={self.id!r}, retry={self.retry!r})"

    def with_data(self, data: Content) -> Event[Content]:
        """Return the event with other data."""
        return self if data is self.data else Event(data, self.event, self.id, self.retry)

    def _parts(self) -> tuple[object, ...]:
        return self.data, self.event, self.id, self.retry

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        # API documents show the data of an event.
        content = get_args(source)
        return handler.generate_schema(content[0] if content else Any)


class Stream:
    """A result of bytes or text in chunks.

    The return annotation of `run` must be `Stream`: `async def run(self, call: Call) -> Stream`.

    Args:
        chunks: The chunks, as `bytes` or `str`. It is closed at the end of the call.
        media_type: The media type of the whole.
    """

    __slots__ = ("chunks", "media_type")

    def __init__(self, chunks: AsyncIterable[bytes | str], media_type: str = BYTES) -> None:
        if not media_type.isascii() or not media_type.isprintable() or "/" not in media_type:
            raise ValueError(
                f"invalid media type {media_type!r} of a stream; use one like {BYTES!r}"
            )
        self.chunks = chunks
        self.media_type = media_type

    def chunk(self, content: Any) -> Chunk:
        """Return a chunk as transports receive it.

        Raises:
            TypeError: It is neither bytes nor text.
        """
        if not isinstance(content, bytes | str):
            raise TypeError(
                f"the chunks of a Stream are bytes or text, not {type(content).__qualname__!r}"
            )
        return Chunk(content, self.media_type)


class Chunk(NamedTuple):
    """A chunk of a `Stream`, as transports receive it."""

    content: bytes | str
    media_type: str


class Item(NamedTuple):
    """An item of a stream of events, as transports receive it."""

    #: The value that the action yields, perhaps an `Event`; its data has the annotated type.
    value: Any
    #: The data as JSON, by the return annotation.
    body: bytes

    @property
    def data(self) -> Any:
        """The data in Python."""
        return self.value.data if isinstance(self.value, Event) else self.value

    @property
    def text(self) -> str:
        """The data as text: text unchanged, other values as JSON."""
        body = self.body
        if isinstance(self.data, str) and body[:1] == b'"':
            text: str = json.loads(body)
            return text
        return body.decode()


#: Receives each item of a stream: a `Chunk` or an `Item`. The action waits until the sink returns.
#: `False` closes the action.
Sink: TypeAlias = Callable[[Any], Awaitable[bool | None]]


async def consume(
    items: AsyncIterable[Any],
    prepare: Callable[[Any], Chunk | Item],
    sink: Sink | None,
    restart_timeout: Callable[[], object] | None,
) -> list[Any]:
    """Pass `items` to `sink`; without a sink, return them, events as their data.

    Args:
        items: The items; closed at the end, also after an error.
        prepare: Returns an item as transports receive it, or raises an error if it is invalid.
        sink: Receives the items.
        restart_timeout: Called before and after each item is sent.
    """
    collected: list[Any] = []
    try:
        async for item in items:
            if restart_timeout is not None:
                restart_timeout()
            if sink is None:
                collected.append(item.data if isinstance(item, Event) else item)
                continue
            if await sink(prepare(item)) is False:
                break
            if restart_timeout is not None:
                restart_timeout()
    finally:
        # A disconnect closes the generator here, not at some later garbage collection.
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
    return collected


def with_preparation(sink: Sink, prepare: Callable[[], Awaitable[object]]) -> Sink:
    """Return a sink that awaits `prepare` before it passes the first item to `sink`."""
    is_first = True

    async def send(item: Any) -> bool | None:
        nonlocal is_first
        if is_first:
            await prepare()
            is_first = False
        return await sink(item)

    return send
