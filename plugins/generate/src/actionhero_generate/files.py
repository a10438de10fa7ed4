"""Files to generate: rendered from templates, checked for conflicts, and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from actionhero_generate.generator import Template


@dataclass(frozen=True)
class RenderedFile:
    """A rendered file that is not written yet."""

    path: Path
    text: str
    #: Whether an existing file is kept without an error.
    keep_existing: bool = False


class FileConflict(Exception):
    """Raised when files cannot be written; the message lists them, with a remedy."""


def render_files(
    templates: Iterable[Template], variables: Mapping[str, Any], root: Path, package: str
) -> list[RenderedFile]:
    """Render templates.

    Args:
        templates: The templates; the files have the same order.
        variables: The variables of the templates.
        root: The folder for the files.
        package: The package with the folder `templates`.
    """
    environment = Environment(
        loader=PackageLoader(package),
        # The files are source code, not HTML.
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return [
        RenderedFile(
            root / environment.from_string(template.target).render(variables),
            environment.get_template(template.source).render(variables),
            template.keep_existing,
        )
        for template in templates
    ]


def render_note(note: str, variables: Mapping[str, Any]) -> str:
    """Render a message for the terminal."""
    environment = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - not HTML
    return environment.from_string(note).render(variables)


def select_files(files: Sequence[RenderedFile], *, force: bool) -> list[RenderedFile]:
    """Return the files to write.

    Args:
        files: The rendered files.
        force: Whether existing files are overwritten.

    Raises:
        FileConflict: A file or folder is in the way.
    """
    selected = [file for file in files if not (file.keep_existing and file.path.exists())]
    for file in selected:
        for folder in file.path.parents:
            if folder.exists():
                if not folder.is_dir():
                    raise FileConflict(f"{folder} is a file, but must be a folder; move it away")
                break
            if folder.with_suffix(".py").exists():
                raise FileConflict(
                    f"{folder.with_suffix('.py')} exists, and a folder {folder.name!r} would hide "
                    "it; move its content to __init__.py in that folder"
                )
    existing = [file.path for file in selected if file.path.exists()]
    if folders := [path for path in existing if path.is_dir()]:
        raise FileConflict(f"{folders[0]} is a folder, but must be a file; move it away")
    if existing and not force:
        names = "\n".join(f"  {path}" for path in existing)
        raise FileConflict(
            f"files exist:\n{names}\nnothing was written; use another name, or --force to "
            "overwrite them"
        )
    return selected


def write_files(files: Iterable[RenderedFile]) -> None:
    """Write the files, and create their folders.

    Raises:
        FileConflict: A file cannot be written.
    """
    for file in files:
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text, encoding="utf-8")
        except OSError as error:
            raise FileConflict(f"{file.path} cannot be written: {error.strerror}") from error
