"""What an action says that answers in pieces: `Event`, `Stream`; and how its pieces are pulled."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args

if TYPE_CHECKING:
    from datetime import timedelta


Content = TypeVar("Content")

#: The media type of chunks about which nothing is known.
BYTES = "application/octet-stream"


class Event(Generic[Content]):
    """One item of a stream of events, with more than its data.

    An action that is an async generator may yield anything; it yields this where an event needs a
    name, or an identifier from which a client can go on later. Doors that cannot tell more than
    the data tell the data.

    Args:
        data: What has happened: text as it is, all else as JSON.
        event: What kind of event it is, one line; clients listen by it.
        id: By which a client that comes back tells where it was; one line.
        retry: How long a client shall wait before it comes back.
    """

    # No dataclass: as the annotation of a document it would be an object with four keys.
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
                    f"the {name} {text!r} of an event has more than one line, or a NUL; "
                    "clients could not read it"
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

    def _parts(self) -> tuple[object, ...]:
        return self.data, self.event, self.id, self.retry

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        # In documents an event is its data, as it is wherever items make a list.
        content = get_args(source)
        return handler.generate_schema(content[0] if content else Any)


class Stream:
    """What `run` returns to answer with bytes or text, piece by piece.

    `run` must be annotated with it: `async def run(self, call: Call) -> Stream`.

    Args:
        chunks: The pieces, as `bytes` or `str`. It is closed when the call ends, however it does.
        media_type: What they are, put together.
    """

    __slots__ = ("chunks", "media_type")

    def __init__(self, chunks: AsyncIterable[bytes | str], media_type: str = BYTES) -> None:
        if not media_type.isascii() or not media_type.isprintable() or "/" not in media_type:
            raise ValueError(
                f"the media type {media_type!r} of a stream is none; give one like {BYTES!r}"
            )
        self.chunks = chunks
        self.media_type = media_type


class Chunk(NamedTuple):
    """A piece of a `Stream`, as doors are handed it."""

    content: bytes | str
    media_type: str


#: Takes the items of a stream as they come: a `Chunk`, or whatever an action yields. Awaiting it is
#: what slows down the action. It returns `False` when no more is wanted, and the action is closed.
Sink: TypeAlias = Callable[[Any], Awaitable[bool | None]]


async def pull(
    items: AsyncIterable[Any],
    media_type: str | None,
    sink: Sink | None,
    next_one: Callable[[], object] | None,
) -> list[Any]:
    """Pull `items` into `sink`; without one, return what they hold.

    Args:
        items: They are closed at the end, whatever that is.
        media_type: That of chunks; `None`: these are events.
        sink: Takes them.
        next_one: Called around each item, for a time limit that holds from each to the next.
    """
    collected: list[Any] = []
    try:
        async for item in items:
            if next_one is not None:
                next_one()
            if media_type is not None and not isinstance(item, bytes | str):
                raise TypeError(f"a Stream gives bytes or text, not {type(item).__qualname__!r}")
            if sink is None:
                collected.append(item.data if isinstance(item, Event) else item)
                continue
            if await sink(item if media_type is None else Chunk(item, media_type)) is False:
                break
            if next_one is not None:
                next_one()
    finally:
        # A client that went away ends the generator here, not whenever it is collected.
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
    return collected


def before_first(sink: Sink, prepare: Callable[[], Awaitable[object]]) -> Sink:
    """Return a sink that awaits `prepare` once, before it passes the first item to `sink`."""
    is_first = True

    async def send(item: Any) -> bool | None:
        nonlocal is_first
        if is_first:
            await prepare()
            is_first = False
        return await sink(item)

    return send
