"""The translation of regular expressions to the syntax of JSON Schema, ECMA-262 with Unicode."""

from __future__ import annotations

import re
from typing import Final

#: A token of a pattern in the syntax of Python or Rust.
_TOKEN: Final = re.compile(
    r"""
      \\x\{[0-9A-Fa-f]+\}        # a code point, in Rust
    | \\U[0-9A-Fa-f]{8}          # a code point, in Python
    | \\[ux][0-9A-Fa-f]{2,4}
    | \\[pP](?:\{\^?\w+(?:[=:]\w+)?\}|[A-Z])
    | \\.                        # any other escape
    | \(\?P<\w+>                 # a named group
    | \(\?P=\w+\)                # a reference to one
    | \(\?(?::|=|!|<=|<!|<\w+>)  # groups that are the same in both syntaxes
    | \(\?                       # flags, conditions, comments, atomic groups
    | \[:\^?\w+:\]               # a POSIX class, in Rust
    | [*+?}]\+                   # a possessive quantifier, in Python
    | &&|--|~~                   # operations on sets, in Rust
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_QUANTIFIER: Final = re.compile(r"\{\d+(?:,\d*)?\}|\{,\d+\}")
#: Escapes that are the same in both syntaxes.
_SAME: Final = frozenset("dDwWsSbBfnrtv")
#: Characters that may be escaped in ECMA-262 with Unicode.
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/")


def ecma_pattern(pattern: str) -> str | None:
    """Return a pattern in the syntax of ECMA-262, or `None` if it has no equivalent there.

    Args:
        pattern: A pattern in the syntax of Rust's `regex`, which pydantic uses by default, or of
            Python.
    """
    parts: list[str] = []
    is_set = False
    position = 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        assert match is not None  # noqa: S101 - the last alternative matches any character
        part = match[0]
        position = match.end()
        if part[0] == "\\":
            text = _escape(part, is_set=is_set)
        elif is_set:
            is_set = part != "]"
            text = None if part in {"[", "&&", "--", "~~"} or part.startswith("[:") else part
        elif part == "[":
            is_set = True
            text = part
            # A closing bracket in the first place is a character of the set.
            if (first := re.match(r"\^?\]", pattern[position:])) is not None:
                text += first[0].replace("]", "\\]")
                position += first.end()
        elif part == "{" and (quantifier := _QUANTIFIER.match(pattern, position - 1)) is not None:
            text = quantifier[0].replace("{,", "{0,")
            position = quantifier.end()
            if pattern[position : position + 1] == "+":
                return None
        else:
            text = _outside(part)
        if text is None:
            return None
        parts.append(text)
    return "".join(parts)


def _outside(part: str) -> str | None:
    """Return a part outside of sets."""
    if part.startswith("(?P<"):
        return "(?<" + part[4:]
    if part.startswith("(?P="):
        return f"\\k<{part[4:-1]}>"
    if part == "(?" or (len(part) == 2 and part[0] in "*+?}" and part[1] == "+"):
        return None
    # Literal characters that are part of the syntax in ECMA-262.
    return f"\\{part}" if part in {"{", "}", "]"} else part


def _escape(part: str, *, is_set: bool) -> str | None:
    """Return an escape sequence."""
    kind = part[1]
    if kind in "xU" and len(part) > 4:
        return f"\\u{{{part[2:].strip('{}').lstrip('0') or '0'}}}"
    if kind in "ux":
        return part if len(part) == (4 if kind == "x" else 6) else None
    if kind in "pP":
        name = part[2:].strip("{}")
        return None if name.startswith("^") else f"\\{kind}{{{name.replace(':', '=')}}}"
    if kind in "AZz":
        return None if is_set else "^" if kind == "A" else "$"
    if kind in _SAME or kind in _SYNTAX or (is_set and kind == "-"):
        return part
    if kind.isdigit():
        # A reference to a group, or NUL.
        return None if is_set and kind != "0" else part
    if kind == "a":
        return "\\u0007"
    # The escape of another character is that character; of a letter, it is something unknown.
    return None if kind.isalpha() or kind in "<>" else kind
