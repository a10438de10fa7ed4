"""The path templates of routes, such as `/user/{id}`: their validation and their segments."""

from __future__ import annotations

import enum
import re
from typing import Final, NamedTuple

from actionhero_web.routes.percent_encoding import percent_decode

#: A parameter for the rest of the path.
_TAIL: Final = re.compile(r"\{([^{}:]*):path\}")


class SegmentKind(enum.Enum):
    """The kind of a segment of a path template."""

    LITERAL = "literal"
    #: A parameter that matches one whole segment.
    PARAMETER = "parameter"
    #: A parameter that matches the rest of the path: one segment or more.
    TAIL = "tail"


class Segment(NamedTuple):
    """One segment of a path template, between two slashes."""

    #: The decoded text, or the name of the parameter.
    text: str
    kind: SegmentKind

    @property
    def is_parameter(self) -> bool:
        """Whether it matches different texts."""
        return self.kind is not SegmentKind.LITERAL


def normalize_path(path: object, *, is_prefix: bool = False) -> str:
    """Return a valid path template in its usual form: `/user/:id/` becomes `/user/{id}`.

    Args:
        path: The template.
        is_prefix: Whether other paths are appended to it, so that it cannot have a tail.

    Raises:
        ValueError: It is not a path template; the message contains the reason.
    """
    if not isinstance(path, str):
        raise ValueError(f"the path {path!r} is not text; write '/user/{{id}}'")
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not start with '/'; write '/user/{{id}}'")
    for character in path:
        if character in "?#\\" or character.isspace() or not character.isprintable():
            raise ValueError(
                f"the path {path!r} contains the invalid character {character!r}; "
                "remove it, or write it percent-encoded"
            )
    path = "/".join(_normalize_parameter(segment) for segment in path.split("/"))
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    segments = split_path(path)
    _check_parameter_names(path, segments)
    _check_tail(path, segments[:-1] if not is_prefix else segments)
    return path


def split_path(path: str) -> tuple[Segment, ...]:
    """Return the segments of a path template; none for `/`.

    Raises:
        ValueError: A segment is invalid; the message contains the reason.
    """
    if path == "/":
        return ()
    return tuple(_parse_segment(path, text) for text in path[1:].split("/"))


def _normalize_parameter(segment: str) -> str:
    return f"{{{segment[1:]}}}" if segment.startswith(":") else segment


def _check_parameter_names(path: str, segments: tuple[Segment, ...]) -> None:
    names = set()
    for segment in segments:
        name = segment.text
        if not segment.is_parameter:
            continue
        if not name.isidentifier():
            raise ValueError(
                f"the path {path!r} has the parameter {name!r}, which cannot be the name "
                "of an input; use letters, digits and '_'"
            )
        if name in names:
            raise ValueError(
                f"the path {path!r} has two parameters named {name!r}; rename one of them"
            )
        names.add(name)


def _check_tail(path: str, segments: tuple[Segment, ...]) -> None:
    for segment in segments:
        if segment.kind is SegmentKind.TAIL:
            raise ValueError(
                f"the path {path!r} continues after {{{segment.text}:path}}, which matches the "
                "rest of the path; move it to the end"
            )


def _parse_segment(path: str, text: str) -> Segment:
    if not text:
        raise ValueError(f"the path {path!r} has an empty segment ('//'); remove one slash")
    if (tail := _TAIL.fullmatch(text)) is not None:
        return Segment(tail[1], SegmentKind.TAIL)
    if text[0] == "{" and text[-1] == "}" and "{" not in text[1:] and "}" not in text[:-1]:
        name, colon, converter = text[1:-1].partition(":")
        if colon:
            raise ValueError(
                f"the path {path!r} has the parameter {text!r}, but a parameter has no type other "
                f"than 'path'; write '{{{name}}}' and annotate the input as {converter or 'int'}"
            )
        return Segment(name, SegmentKind.PARAMETER)
    if text[0] == "<" and text[-1] == ">":
        converter, _, name = text[1:-1].rpartition(":")
        raise ValueError(
            f"the path {path!r} has the parameter {text!r}; write '{{{name}}}' and annotate the "
            f"input as {converter or 'str'}"
        )
    if "{" in text or "}" in text:
        raise ValueError(
            f"the path {path!r} has braces that do not enclose a whole segment; "
            "a parameter is a whole segment: '/{id}/'"
        )
    try:
        return Segment(percent_decode(text), SegmentKind.LITERAL)
    except ValueError as error:
        raise ValueError(
            f"the path {path!r} is not percent-encoded UTF-8: {error}; write '%' as '%25'"
        ) from error
