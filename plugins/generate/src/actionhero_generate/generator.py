"""`Generator`: a kind of part that can be written, and `Template`, each file of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """One file that is written.

    Both are jinja2. They know `name`, `title`, `module`, `class_name`, `package` and
    `package_folder`.
    """

    #: The template's path below the folder `templates` of the package that brings it.
    source: str
    #: Where the file goes, below the folder of the settings file.
    target: str
    #: Whether a file that is there already is left alone, and is no fault.
    kept: bool = False


@dataclass(frozen=True)
class Generator:
    """A kind of part for `actionhero generate KIND NAME`."""

    #: What is typed.
    kind: str
    #: One line for listings.
    summary: str
    #: The files; none where a command writes them.
    templates: tuple[Template, ...] = ()
    #: The package whose folder `templates` has them.
    home: str = "actionhero_generate"
    #: The command of `actionhero` that writes the files instead, such as `("db", "make")`.
    command: tuple[str, ...] = ()
    #: What is said to the person when the files are there; jinja2 like the files.
    note: str = ""
