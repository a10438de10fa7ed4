"""What Redis does with a broadcast: `Broadcasts`. With history the stream is the truth.

What is published is `PREVIOUS ID BODY`, three parts with a space between: the identifier before it
in the stream, or `-` where there is none; its own, or `-`; and the JSON up to the identifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero.transport import new_identifier
from actionhero_channels.delivery import START, Delivery

if TYPE_CHECKING:
    from actionhero_redis import RedisClients

#: For how long a broadcast that is sent again, because no answer came, is known to be the same.
REMEMBERED_MS: Final = 60_000
#: Stands for no identifier in what is published.
_NONE: Final = b"-"

# In one step, so that what is in the stream is published, in the order of the stream.
_KEEP: Final = """
local id = redis.call('GET', KEYS[2])
if id then return id end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local previous = last[1] and last[1][1] or '0-0'
id = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[1], '*', 'p', previous, 'b', ARGV[2])
redis.call('SET', KEYS[2], id, 'PX', ARGV[4])
redis.call('PUBLISH', ARGV[3], previous .. ' ' .. id .. ' ' .. ARGV[2])
return id
"""


class Kept(NamedTuple):
    """A broadcast in a stream."""

    #: The identifier of the one before it, which need not be kept any more.
    previous: str
    delivery: Delivery


class Published(NamedTuple):
    """A broadcast as it was published."""

    #: `None` for one that is in no stream.
    previous: str | None
    delivery: Delivery


class Broadcasts:
    """Sends broadcasts to Redis, and reads what it has kept.

    Args:
        clients: Redis.
    """

    def __init__(self, clients: RedisClients) -> None:
        self._clients = clients

    def address(self, channel: str) -> str:
        """Return the name by which Redis knows a channel."""
        return self._clients.key("channels", channel)

    async def send(self, channel: str, body: bytes, id: str) -> None:
        """Publish what nobody needs to hear later.

        Args:
            channel: Where.
            body: Its JSON: see `body_of`.
            id: Its identifier.
        """
        await self._clients.bytes.publish(self.address(channel), unkept(body, id))

    async def keep(self, channel: str, body: bytes, history: int) -> str:
        """Publish a broadcast and keep it, once, however often the way to Redis breaks.

        Args:
            channel: Where.
            body: Its JSON: see `body_of`.
            history: How many are kept, this one included.

        Returns:
            Its identifier.
        """
        client: Any = self._clients.bytes
        nonce = self._key(channel, "sent", new_identifier())
        address = self.address(channel)
        id = await client.eval(
            _KEEP, 2, self._stream(channel), nonce, history, body, address, REMEMBERED_MS
        )
        return str(id.decode())

    async def head(self, channel: str) -> str:
        """Return the identifier of the newest broadcast that is kept; of none, the beginning."""
        client: Any = self._clients.bytes
        entries = await client.xrevrange(self._stream(channel), "+", "-", count=1)
        return str(entries[0][0].decode()) if entries else START

    async def after(self, channel: str, id: str) -> list[Kept]:
        """Return what is kept of the broadcasts after one, in order."""
        client: Any = self._clients.bytes
        entries = await client.xrange(self._stream(channel), f"({id}", "+")
        return [
            Kept(fields[b"p"].decode(), Delivery(channel, fields[b"b"], id.decode()))
            for id, fields in entries
        ]

    def _stream(self, channel: str) -> str:
        return self._key(channel, "history")

    def _key(self, channel: str, *parts: str) -> str:
        # In braces, so that a cluster keeps what is of one channel on one server.
        return self._clients.key("channels", f"{{{channel}}}", *parts)


def unkept(body: bytes, id: str | None = None) -> bytes:
    """Return what is published of a broadcast that is in no stream."""
    return b" ".join((_NONE, id.encode() if id else _NONE, body))


def published(channel: str, told: str | bytes) -> Published:
    """Return what was published.

    Raises:
        ValueError: It is not of our making.
    """
    # Clients that wait without a limit read text.
    whole = told.encode() if isinstance(told, str) else told
    previous, id, body = whole.split(b" ", 2)
    return Published(
        None if previous == _NONE else previous.decode(),
        Delivery(channel, body, None if id == _NONE else id.decode()),
    )
