"""`Broadcasts`: publishes broadcasts to Redis, and reads the history of a channel.

A published message is `PREVIOUS ID BODY`, three parts separated by spaces: the identifier of the
previous entry in the stream, its own identifier, and its JSON up to the identifier. Where there is
no identifier, its place holds `-`. With history, the stream is the authority on the order.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero.transport import new_identifier
from actionhero_channels.delivery import STREAM_START, Delivery, parse_id
from actionhero_redis import Script

if TYPE_CHECKING:
    from actionhero_redis import RedisClients

#: How long a broadcast is recognized when the client sends it again, because no reply arrived.
DEDUPLICATION_MS: Final = 60_000
#: The placeholder for an absent identifier in a published message.
_NO_ID: Final = b"-"

# One script, so that entries are published in the order of the stream.
# The identifier of a nonce makes it idempotent.
_APPEND_AND_PUBLISH: Final = Script(
    """
local id = redis.call('GET', KEYS[2])
if id then return id end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local previous = last[1] and last[1][1] or '0-0'
id = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[1], '*', 'p', previous, 'b', ARGV[2])
redis.call('SET', KEYS[2], id, 'PX', ARGV[4])
redis.call('PUBLISH', ARGV[3], previous .. ' ' .. id .. ' ' .. ARGV[2])
return id
""",
    idempotent=True,
)


class HistoryRead(NamedTuple):
    """The entries of the history of a channel after an identifier."""

    #: In order.
    deliveries: list[Delivery]
    #: Whether entries between the identifier and the first of these are missing, or the
    #: identifier itself is newer than the history: it was trimmed, or Redis has lost data.
    gap: bool


class PublishedMessage(NamedTuple):
    """A broadcast as Redis publishes it."""

    #: The identifier of the entry before it; `None` for a broadcast without history.
    previous: str | None
    delivery: Delivery


class Broadcasts:
    """Publishes broadcasts to Redis, and reads the history of a channel.

    Args:
        clients: Redis.
    """

    def __init__(self, clients: RedisClients) -> None:
        self._clients = clients
        #: The numbers of broadcasts of this process, by the declared channel, for metrics.
        self.sent: Counter[str] = Counter()
        #: The numbers of gaps, by the declared channel.
        self.gaps: Counter[str] = Counter()

    def redis_channel(self, channel: str) -> str:
        """Return the name of the Redis channel that carries a channel."""
        return self._clients.key("channels", channel)

    async def publish(self, channel: str, body: bytes, id: str) -> None:
        """Publish a broadcast without history.

        Args:
            channel: The name of the channel.
            body: Its JSON; see `encode_body`.
            id: Its identifier.
        """
        message = encode_published(body, id)
        await self._clients.execute("PUBLISH", self.redis_channel(channel), message)

    async def append(self, channel: str, body: bytes, history: int) -> str:
        """Append a broadcast to the history and publish it, once even if Redis clients retry.

        Args:
            channel: The name of the channel.
            body: Its JSON; see `encode_body`.
            history: How many entries the stream retains, this one included.

        Returns:
            Its identifier.
        """
        nonce = self._key(channel, "sent", new_identifier())
        id = await self._clients.run_script(
            _APPEND_AND_PUBLISH,
            (self._stream(channel), nonce),
            (history, body, self.redis_channel(channel), DEDUPLICATION_MS),
        )
        return str(id.decode())

    async def latest_id(self, channel: str) -> str:
        """Return the identifier of the newest entry; `STREAM_START` if the history is empty."""
        entries = await self._clients.execute(
            *("XREVRANGE", self._stream(channel), "+", "-", "COUNT", 1), idempotent=True
        )
        return str(entries[0][0].decode()) if entries else STREAM_START

    async def entries_after(self, channel: str, id: str) -> HistoryRead:
        """Return the entries after an identifier, in order, and whether some are missing."""
        # The entry itself is read too: one reply then decides whether there is a gap.
        rows = await self._clients.execute(
            *("XRANGE", self._stream(channel), id, "+"), idempotent=True
        )
        if not rows:
            return HistoryRead([], parse_id(id) != parse_id(STREAM_START))
        first_id, (_, previous, _, _) = rows[0]
        is_stored = parse_id(first_id.decode()) == parse_id(id)
        follows = is_stored or parse_id(previous.decode()) == parse_id(id)
        deliveries = [
            Delivery(channel, body, entry_id.decode())
            for entry_id, (_, _, _, body) in rows[is_stored:]
        ]
        return HistoryRead(deliveries, not follows)

    def _stream(self, channel: str) -> str:
        return self._key(channel, "history")

    def _key(self, channel: str, *parts: str) -> str:
        # The hash tag in braces: a cluster stores all keys of one channel on one server.
        return self._clients.key("channels", f"{{{channel}}}", *parts)


def encode_published(body: bytes, id: str | None = None) -> bytes:
    """Return the published message of a broadcast without history."""
    return b" ".join((_NO_ID, id.encode() if id else _NO_ID, body))


def decode_published(channel: str, data: str | bytes) -> PublishedMessage:
    """Decode a published message.

    Raises:
        ValueError: It has another format.
    """
    # Redis clients without a timeout decode their replies.
    message = data.encode() if isinstance(data, str) else data
    previous, id, body = message.split(b" ", 2)
    return PublishedMessage(
        None if previous == _NO_ID else previous.decode(),
        Delivery(channel, body, None if id == _NO_ID else id.decode()),
    )
