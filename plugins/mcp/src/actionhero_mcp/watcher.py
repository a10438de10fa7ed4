"""`ResourceWatcher`: the subscriber of one stream of notifications."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from actionhero_channels import Delivery
    from actionhero_mcp.connection import McpConnection

#: The interval of notifications about one resource; changes in between are announced once.
INTERVAL_SECONDS: Final = 1.0


class ResourceWatcher:
    """Announces changes of resources to one client: their URIs, never the messages of channels.

    Args:
        connection: The connection of the stream.
        meta: The member `_meta` of each notification.
    """

    def __init__(self, connection: McpConnection, meta: dict[str, Any]) -> None:
        self.connection = connection
        #: Set at the end of the stream.
        self.ended = asyncio.Event()
        self._meta = meta
        #: The channels, and the resources whose changes they announce.
        self.channels: dict[str, set[str]] = {}
        self._has_started = False
        self._changed: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, uri: str, channel: str) -> None:
        """Announce changes of a resource when its channel has a broadcast."""
        self.channels.setdefault(channel, set()).add(uri)

    def remove(self, uri: str) -> str | None:
        """Announce a resource no more; return its channel if that announces no other one."""
        for channel, uris in self.channels.items():
            if uri in uris:
                uris.remove(uri)
                if uris:
                    return None
                del self.channels[channel]
                return channel
        return None

    def start(self) -> None:
        """Begin with notifications, after the stream is acknowledged."""
        self._has_started = True
        for uri in sorted(self._changed):
            self._announce(uri)
        self._changed.clear()

    def stop(self) -> None:
        """Cancel the notifications that are due later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def deliver(self, delivery: Delivery, /) -> None:
        """Announce a change; presence events, which have no id, are none."""
        if delivery.id is not None:
            self.gap(delivery.channel)

    def gap(self, channel: str, /) -> None:
        """Announce changes of all resources of a channel."""
        for uri in self.channels.get(channel, ()):
            if not self._has_started or uri in self._timers:
                self._changed.add(uri)
            else:
                self._announce(uri)

    def gap_of(self, uri: str) -> None:
        """Announce a change of a resource that may have been missed."""
        self._changed.add(uri)

    def _announce(self, uri: str) -> None:
        params: dict[str, Any] = {"uri": uri}
        if self._meta:
            params = {"_meta": self._meta, **params}
        self.connection.sink.notify("notifications/resources/updated", params)
        loop = asyncio.get_running_loop()
        self._timers[uri] = loop.call_later(INTERVAL_SECONDS, self._announce_again, uri)

    def _announce_again(self, uri: str) -> None:
        del self._timers[uri]
        if uri in self._changed:
            self._changed.remove(uri)
            self._announce(uri)
