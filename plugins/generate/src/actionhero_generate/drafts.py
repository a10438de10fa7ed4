"""`Draft`: a file that is about to be written; and the writing, which asks before it overwrites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from actionhero_generate.generator import Template


@dataclass(frozen=True)
class Draft:
    """A file as it will be."""

    path: Path
    text: str
    #: Whether a file that is there already is left alone.
    kept: bool = False


class Obstacle(Exception):
    """What is in the way of writing; the message names every file, and says what to do."""


def draw(
    templates: Iterable[Template], words: Mapping[str, Any], root: Path, home: str
) -> list[Draft]:
    """Return the files that come of templates.

    Args:
        templates: The templates, in the order in which their files are told.
        words: What they know.
        root: The folder below which the files go.
        home: The package whose folder `templates` has them.
    """
    environment = Environment(
        loader=PackageLoader(home),
        # What is written is source, not a page.
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return [
        Draft(
            root / environment.from_string(template.target).render(words),
            environment.get_template(template.source).render(words),
            template.kept,
        )
        for template in templates
    ]


def say(note: str, words: Mapping[str, Any]) -> str:
    """Return what is told to the person."""
    return Environment(autoescape=False, undefined=StrictUndefined).from_string(note).render(words)  # noqa: S701 - for a terminal


def wanted(drafts: Sequence[Draft], *, force: bool) -> list[Draft]:
    """Return the files that are to be written.

    Args:
        drafts: All of them.
        force: Whether files that are there may be overwritten.

    Raises:
        Obstacle: Something is there already.
    """
    left = [draft for draft in drafts if not (draft.kept and draft.path.exists())]
    for draft in left:
        for folder in draft.path.parents:
            if folder.exists():
                if not folder.is_dir():
                    raise Obstacle(f"{folder} is a file, and has to be a folder; move it away")
                break
            if folder.with_suffix(".py").exists():
                raise Obstacle(
                    f"{folder.with_suffix('.py')} is there, and a folder {folder.name!r} beside "
                    "it would hide it; move what is in it into that folder, as __init__.py"
                )
    there = [draft.path for draft in left if draft.path.exists()]
    if folders := [path for path in there if path.is_dir()]:
        raise Obstacle(f"{folders[0]} is a folder, and has to be a file; move it away")
    if there and not force:
        names = "\n".join(f"  {path}" for path in there)
        raise Obstacle(
            f"there already:\n{names}\nnothing was written; use another name, or --force to "
            "overwrite them"
        )
    return left


def write(drafts: Iterable[Draft]) -> None:
    """Write the files, and the folders that they need.

    Raises:
        Obstacle: The system does not let us.
    """
    for draft in drafts:
        try:
            draft.path.parent.mkdir(parents=True, exist_ok=True)
            draft.path.write_text(draft.text, encoding="utf-8")
        except OSError as error:
            raise Obstacle(f"{draft.path} cannot be written: {error.strerror}") from error
