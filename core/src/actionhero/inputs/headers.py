"""`Header` and `Cookie`: sources of single inputs, beside the path, the body and the query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from actionhero.inputs.annotations import without_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Source:
    """The header or cookie of an HTTP request with the value of an input.

    Over HTTP, the value comes from there and from nowhere else. Other transports have no headers:
    there it is an input like any other, an option on the command line.

    Args:
        name: The name of the header or cookie; by default that of the input, in a header with
            hyphens in place of underscores.
    """

    __slots__ = ("name",)

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def name_for(self, field_name: str) -> str:
        """Return the name of the header or cookie of the input `field_name`."""
        return self.name or field_name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})" if self.name else f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.name == self.name

    def __hash__(self) -> int:
        return hash((type(self), self.name))


class Header(Source):
    """The header of an input: `token: Annotated[str, Header("X-Token")]`.

    A list has the values of all headers of that name, and of each the items between its commas:
    proxies combine several headers into one (RFC 9110 §5.3). Names of headers are case-insensitive.
    """

    __slots__ = ()

    def name_for(self, field_name: str) -> str:
        """Return the name of the header of the input `field_name`."""
        return self.name or field_name.replace("_", "-")


class Cookie(Source):
    """The cookie of an input: `theme: Annotated[str, Cookie()] = "light"`."""

    __slots__ = ()


def source_of(annotation: Any) -> Source | None:
    """Return the header or cookie of a field, if there is one.

    It is beside the whole type, or beside the only other type of a union with `None`.
    """
    annotation = without_none(annotation)
    if get_origin(annotation) is not Annotated:
        return None
    inner, *metadata = get_args(annotation)
    return next(filter(None, map(as_source, metadata)), None) or source_of(inner)


def as_source(item: Any) -> Source | None:
    """Return the header or cookie that metadata is, also without parentheses: `Header`."""
    if isinstance(item, type) and issubclass(item, Source):
        return item()
    return item if isinstance(item, Source) else None


def header_items(values: Iterable[str]) -> list[str]:
    """Return the items of the values of a list header (RFC 9110 §5.6.1); empty ones are ignored."""
    return [item for value in values for item in map(str.strip, _split(value)) if item]


def _split(value: str) -> Iterator[str]:
    """Yield the parts between the commas that are neither in quotes nor in brackets."""
    if '"' not in value and "[" not in value:
        yield from value.split(",")
        return
    start = depth = 0
    is_quoted = is_escaped = False
    for position, character in enumerate(value):
        if is_quoted:
            is_quoted = character != '"' or is_escaped
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_quoted = True
        elif character in "[]":
            depth += 1 if character == "[" else -1
        elif character == "," and depth <= 0:
            yield value[start:position]
            start = position + 1
    yield value[start:]
