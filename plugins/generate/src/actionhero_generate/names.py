"""What may be called how: names of projects and of their parts, and the words in them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

_PART = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[:_-][A-Za-z0-9]+)*")
_PROJECT = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: What is in the folder of every project already.
_TAKEN = frozenset({"actionhero", "src", "tests", "docs"})


class NameFault(ValueError):
    """A name that cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class PartName:
    """What a part is called, in each place where it is."""

    #: As others call it: `user:create`.
    name: str
    #: Its file, without the ending: `user_create`.
    module: str
    #: Its class: `UserCreate`.
    class_name: str
    #: As a person says it: `user create`.
    title: str


def part_name(given: str) -> PartName:
    """Return the name of a part in all its forms.

    Raises:
        NameFault: It cannot be one.
    """
    if not _PART.fullmatch(given):
        raise NameFault(
            f"{given!r} is not a name; begin with a letter, and use letters and digits, "
            "with ':', '-' or '_' between words: user:create"
        )
    humped = _HUMP.sub("-", given)
    words = [word.lower() for word in re.split(r"[:_-]", humped)]
    module = "_".join(words)
    if keyword.iskeyword(module):
        raise NameFault(f"{given!r} is a word of Python, and cannot name a module; use another")
    class_name = "".join(word.capitalize() for word in words)
    if keyword.iskeyword(class_name):
        raise NameFault(f"{given!r} is a word of Python, and cannot name a class; use another")
    return PartName(humped.lower().replace("_", "-"), module, class_name, " ".join(words))


def package_name(project: str) -> str:
    """Return the name of the package of a new project.

    Raises:
        NameFault: It cannot be one, or something else is called so already.
    """
    if not _PROJECT.fullmatch(project):
        raise NameFault(
            f"{project!r} is not a name for a project; begin with a small letter, and use small "
            "letters and digits, with '-' or '_' between words: guest-book"
        )
    package = project.replace("-", "_")
    if keyword.iskeyword(package):
        raise NameFault(f"{project!r} is a word of Python, and cannot be imported; use another")
    if package in sys.stdlib_module_names:
        raise NameFault(
            f"{project!r} would hide the module {package!r} of Python's own library; use another"
        )
    if package in _TAKEN:
        raise NameFault(f"{project!r} has a meaning of its own in every project; use another")
    spec = importlib.util.find_spec(package)
    # A folder without modules, such as that of the project itself, hides nothing.
    if spec is not None and spec.origin is not None:
        raise NameFault(
            f"a package {package!r} is installed already, and only one of them could be imported; "
            "use another"
        )
    try:
        version = importlib.metadata.version(project)
    except importlib.metadata.PackageNotFoundError:
        return package
    raise NameFault(f"a distribution {project!r} is installed already, in version {version}")
