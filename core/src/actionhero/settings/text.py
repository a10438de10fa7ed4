"""How the text of a variable is parsed, by the type of its setting."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from actionhero.inputs.annotations import is_sequence, is_structure, members
from actionhero.settings.sources import split_list


def annotation_at(annotation: Any, path: tuple[str, ...]) -> Any:
    """Return the type of the value at `path` within a type; `Any` if it is unknown."""
    for part in path:
        for member in members(annotation):
            if isinstance(member, type) and issubclass(member, BaseModel):
                field = member.model_fields.get(part)
                annotation = field.annotation if field else Any
                break
            if get_origin(member) is not None and is_structure(member):
                annotation = get_args(member)[-1]
                break
        else:
            return Any
    return annotation


def is_unset(text: str, annotation: Any) -> bool:
    """Return whether a variable is empty, and its setting is not plain text."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return not text.strip() and annotation is not str


def parse_text(text: str, annotation: Any) -> Any:
    """Return the value that `text` represents, as far as its type makes a difference.

    A list is `a,b` or JSON, a nested setting is JSON. Other text is left to the model.

    Raises:
        ValueError: The text begins like JSON and is not valid JSON.
    """
    start = text.lstrip()[:1]
    sequence, structure = is_sequence(annotation), is_structure(annotation)
    if (sequence and start == "[") or (structure and start in ("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            # Without its cause, which contains the whole text.
            raise ValueError(f"invalid JSON: {error.msg} (at column {error.colno})") from None
    if not sequence or structure or _matches_member(text, annotation):
        return text
    return split_list(text)


def _matches_member(text: str, annotation: Any) -> bool:
    """Return whether `text` is a literal or a plain text of a union that also contains a list."""
    for member in members(annotation):
        if get_origin(member) is Literal and text in get_args(member):
            return True
        if member is str and "," not in text:
            return True
    return False
