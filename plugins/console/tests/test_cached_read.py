"""Queries whose results are used again."""

from __future__ import annotations

import asyncio

import pytest

from actionhero_console import CachedRead


async def test_a_result_is_used_again_for_a_while() -> None:
    """By concurrent requests as well, and after the end of the one that began it."""
    calls: list[int] = []
    may_end = asyncio.Event()

    async def count() -> int:
        calls.append(1)
        await may_end.wait()
        return len(calls)

    query = CachedRead(count, 1000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await query()
    may_end.set()

    assert list(await asyncio.gather(query(), query())) == [1, 1]
    assert await query() == 1
    query._seconds = 0
    assert await query() == 2


async def test_an_exception_is_not_used_again() -> None:
    """The next request tries again."""
    errors = [OSError("down")]

    async def count() -> int:
        if errors:
            raise errors.pop()
        return 7

    query = CachedRead(count, 1000)
    with pytest.raises(OSError, match="down"):
        await query()

    assert await query() == 7
