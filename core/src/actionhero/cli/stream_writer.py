"""`ItemWriter`: writes the items of a stream to stdout as they come, one line each."""

from __future__ import annotations

from typing import Any

import click

from actionhero import Event
from actionhero.json import encode
from actionhero.streams import Chunk


class ItemWriter:
    """Takes the items of one call.

    Args:
        collects: Whether events are kept until the end, such as for a table.
    """

    def __init__(self, *, collects: bool = False) -> None:
        #: What the events hold, if they are kept.
        self.kept: list[Any] | None = [] if collects else None
        #: Why nothing more could be written: whoever read has gone.
        self.failure: OSError | None = None

    async def __call__(self, item: Any) -> bool:
        """Write an item, or keep it; `False`: nobody reads any more."""
        if isinstance(item, Chunk):
            # As it is: `actionhero call export > file` writes the file.
            return self._write(item.content, newline=False)
        content = item.data if isinstance(item, Event) else item
        if self.kept is not None:
            self.kept.append(content)
            return True
        return self._write(encode(content), newline=True)

    def _write(self, content: bytes | str, *, newline: bool) -> bool:
        try:
            # It flushes, so that a reader has each item as soon as it is there.
            click.echo(content, nl=newline)
        except BrokenPipeError as error:
            self.failure = error
            return False
        return True
