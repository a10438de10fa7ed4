"""The faults of `Header` and `Cookie` where no input has them as its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from actionhero.inputs.annotations import parts, unaliased, without_none
from actionhero.inputs.fields import fields_of, root_type
from actionhero.inputs.headers import as_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actionhero.inputs.headers import Source


def source_fault(type_: Any) -> str | None:
    """Return the first fault of a header or cookie in inputs; `None` if there is none.

    A value in the body would set an input that seems to come from a header only.

    Args:
        type_: The type of inputs.
    """
    root = root_type(type_)
    fields = list(fields_of(root))
    for field in fields:
        if source := next(_sources_inside(field.annotation), None):
            return (
                f"the input {field.attribute!r} with {source!r} at a part of its type, where "
                f"nothing reads it; write '{field.attribute}: Annotated[…, {source!r}]' around "
                "the whole type"
            )
    nested = [field.annotation for field in fields] if fields else [root]
    for part in _types_in(nested):
        for field in fields_of(part):
            source = field.source or next(_sources_inside(field.annotation), None)
            if source is not None:
                return (
                    f"the field {field.attribute!r} of {part.__name__} with {source!r}, which "
                    f"nothing reads there, as {part.__name__} is nested or in a union; declare it "
                    f"as a parameter of run, '{field.attribute}: Annotated[…, {source!r}]'"
                    + ("" if fields else ", and what is now 'inputs' as one with another name")
                )
    return None


def _sources_inside(annotation: Any) -> Iterator[Source]:
    """Yield the headers and cookies of a field beside the one that is its source."""
    found = False
    plain = without_none(annotation)
    while get_origin(plain) is Annotated:
        inner, *metadata = get_args(plain)
        for source in filter(None, map(as_source, metadata)):
            if found:
                yield source
            found = True
        plain = without_none(inner)
    yield from _sources_in(get_args(plain), ())


def _sources_in(annotations: Iterable[Any], enclosing: tuple[Any, ...]) -> Iterator[Source]:
    for annotation in annotations:
        alias = get_origin(annotation) or annotation
        plain = unaliased(annotation)
        if plain is not annotation and any(alias is each for each in enclosing):
            continue
        inner, inside = get_args(plain), (*enclosing, alias)
        if get_origin(plain) is Annotated:
            yield from filter(None, map(as_source, inner[1:]))
            inner = inner[:1]
        yield from _sources_in(inner, inside)


def _types_in(annotations: Iterable[Any]) -> Iterator[Any]:
    """Yield the types with fields in annotations, at any depth."""
    seen: set[int] = set()
    waiting = list(annotations)
    while waiting:
        for part in parts(waiting.pop(0)):
            if id(part) not in seen:
                seen.add(id(part))
                yield part
                waiting += [field.annotation for field in fields_of(part)]
