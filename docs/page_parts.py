"""What the generated pages are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def sentences(text: str) -> str:
    """Return a paragraph with one sentence a line."""
    return re.sub(r"(?<=[a-z`)*][.?!]) (?=[A-Z`\[])", "\n", " ".join(text.split()))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
