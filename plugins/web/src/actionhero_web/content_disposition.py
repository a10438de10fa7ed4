"""What a part of a form says of itself: its name, and the name of its file."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from actionhero_web import percent_encoding

_PARAMETER: Final = re.compile(
    r";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;]*))", re.DOTALL
)
# Browsers escape nothing by a backslash, curl escapes these two. Any other backslash is meant.
_ESCAPED: Final = re.compile(r"\\([\"\\])")
_EXTENDED: Final = re.compile(r"utf-8'[^']*'(.*)", re.IGNORECASE)


def disposition(header: str) -> dict[str, str]:
    """Return the parameters of a `Content-Disposition` header, as they were sent.

    A file's name keeps its folders: it is the client's, and nobody may use it as a path. What is
    given twice is what was given first; `filename*`, in UTF-8, wins over `filename`.
    """
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(header):
        name, quoted, plain = found.groups()
        value = plain.strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
        parameters.setdefault(name.lower(), value)
    extended = _EXTENDED.fullmatch(parameters.get("filename*", ""))
    if extended is not None:
        with suppress(ValueError):
            parameters["filename"] = percent_encoding.decode(extended[1])
    return parameters
