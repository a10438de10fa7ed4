"""Batches of items from an iterable or an asynchronous one."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


async def in_batches(
    items: Iterable[Any] | AsyncIterable[Any], count: int
) -> AsyncIterator[list[Any]]:
    """Yield the items in lists of `count`, at least 1; the last one may be shorter."""
    batch: list[Any] = []
    async for item in _each(items):
        batch.append(item)
        if len(batch) == count:
            yield batch
            batch = []
    if batch:
        yield batch


async def _each(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for item in items:
        yield item
