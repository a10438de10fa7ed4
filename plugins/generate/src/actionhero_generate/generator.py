"""Generators of components, and the templates of their files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """The template of one file.

    Both fields are Jinja templates, with the variables `name`, `title`, `module`, `class_name`,
    `package` and `package_folder`.
    """

    #: The path of the template in the folder `templates` of the generator's package.
    source: str
    #: The path of the file, relative to the folder of the settings file.
    target: str
    #: Whether an existing file is kept without an error.
    keep_existing: bool = False


@dataclass(frozen=True)
class Generator:
    """A type of component, for `actionhero generate COMPONENT NAME`."""

    #: The name of the type: `action`.
    component: str
    #: One line for listings.
    summary: str
    #: The files; empty if a command writes them.
    templates: tuple[Template, ...] = ()
    #: The package with the folder `templates`.
    package: str = "actionhero_generate"
    #: The subcommand of `actionhero` that writes the files instead, such as `("db", "make")`.
    command: tuple[str, ...] = ()
    #: A message after the files are written, as a Jinja template.
    note: str = ""
