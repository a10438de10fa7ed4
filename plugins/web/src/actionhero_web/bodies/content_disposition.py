"""The parser of `Content-Disposition`: the names of form fields and their files."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from actionhero_web.routes.percent_encoding import percent_decode

_PARAMETER: Final = re.compile(
    r";\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;]*))", re.DOTALL
)
# curl escapes these two characters, browsers none. Any other backslash is literal.
_ESCAPED: Final = re.compile(r"\\([\"\\])")
_EXTENDED: Final = re.compile(r"utf-8'[^']*'(.*)", re.IGNORECASE)


def parse_content_disposition(header: str) -> dict[str, str]:
    """Return the parameters of a `Content-Disposition` header, unchanged.

    The name of a file may contain folders: it is untrusted, and must not be used as a path. The
    first of repeated parameters is used; `filename*`, in UTF-8, takes precedence over `filename`.
    """
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(header):
        name, quoted, token = match.groups()
        value = token.strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
        parameters.setdefault(name.lower(), value)
    extended = _EXTENDED.fullmatch(parameters.get("filename*", ""))
    if extended is not None:
        with suppress(ValueError):
            parameters["filename"] = percent_decode(extended[1])
    return parameters
