"""Actors of dramatiq that are not actions."""

from __future__ import annotations

import asyncio
import os

import dramatiq


@dramatiq.actor(queue_name="text", max_retries=3, min_backoff=1, time_limit=10_000)
def count_words(text: str | list[int]) -> int:
    """Count words, in a thread."""
    return len(text.split() if isinstance(text, str) else text)


@dramatiq.actor(queue_name="text")
async def word_lengths(text: str) -> list[int]:
    """Return the length of each word, on the event loop."""
    await asyncio.sleep(0)
    return [len(word) for word in text.split()]


@dramatiq.actor
def log_line(line: str) -> None:
    """Append a line, and the process id, to the file `journal`, atomically."""
    file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{line} {os.getpid()}\n".encode())
    os.close(file)
