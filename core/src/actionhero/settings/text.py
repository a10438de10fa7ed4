"""What the text of a variable means, by the type of the setting that it is for."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from actionhero.inputs.annotations import is_sequence, is_structure, members
from actionhero.settings.sources import listed


def annotation_at(annotation: Any, path: tuple[str, ...]) -> Any:
    """Return the type of what lies at `path` inside of a type; `Any` where that is not known."""
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


def counts_as_unset(text: str, annotation: Any) -> bool:
    """Return whether an empty variable is as good as none: always, unless plain text is wanted."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return not text.strip() and annotation is not str


def value_of(text: str, annotation: Any) -> Any:
    """Return the value that `text` stands for, as far as its type makes a difference.

    A list is `a,b` or JSON, a nested setting is JSON. What is not clear stays text, for the model
    to judge.

    Raises:
        ValueError: The text begins like JSON, and is none.
    """
    start = text.lstrip()[:1]
    sequence, structure = is_sequence(annotation), is_structure(annotation)
    if (sequence and start == "[") or (structure and start in ("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            # Without its cause, which holds the whole text.
            message = f"it begins like JSON and is not: {error.msg} (at column {error.colno})"
            raise ValueError(message) from None
    if not sequence or structure or _is_other_member(text, annotation):
        return text
    return listed(text)


def _is_other_member(text: str, annotation: Any) -> bool:
    """Return whether `text` is one of the literals, or a single text, that stand beside a list."""
    for member in members(annotation):
        if get_origin(member) is Literal and text in get_args(member):
            return True
        if member is str and "," not in text:
            return True
    return False
