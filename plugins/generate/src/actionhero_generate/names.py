"""Names of projects and components, checked and converted."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

_COMPONENT = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[:_-][A-Za-z0-9]+)*")
_PROJECT = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_CASE_CHANGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: Folders and packages that every project has.
_RESERVED = frozenset({"actionhero", "src", "tests", "docs"})


class InvalidName(ValueError):
    """Raised for a name that cannot be used; the message has the reason and a remedy."""


@dataclass(frozen=True)
class ComponentName:
    """The name of a component in all its forms."""

    #: The public name: `user:create`.
    name: str
    #: The module: `user_create`.
    module: str
    #: The class: `UserCreate`.
    class_name: str
    #: The words: `user create`.
    title: str


def component_name(text: str) -> ComponentName:
    """Return the name of a component in all its forms.

    Raises:
        InvalidName: It is not a valid name.
    """
    if not _COMPONENT.fullmatch(text):
        raise InvalidName(
            f"invalid name {text!r}; start with a letter, and use letters and digits, "
            "with ':', '-' or '_' between words: user:create"
        )
    dashed = _CASE_CHANGE.sub("-", text)
    words = [word.lower() for word in re.split(r"[:_-]", dashed)]
    module = "_".join(words)
    if keyword.iskeyword(module):
        raise InvalidName(f"{text!r} is a keyword of Python, so it cannot name a module")
    class_name = "".join(word.capitalize() for word in words)
    if keyword.iskeyword(class_name):
        raise InvalidName(f"{text!r} is a keyword of Python, so it cannot name a class")
    return ComponentName(dashed.lower().replace("_", "-"), module, class_name, " ".join(words))


def package_name(project: str) -> str:
    """Return the name of the package of a new project.

    Raises:
        InvalidName: It is not a valid name, or is used by another package.
    """
    if not _PROJECT.fullmatch(project):
        raise InvalidName(
            f"invalid project name {project!r}; start with a lower-case letter, and use lower-case "
            "letters and digits, with '-' or '_' between words: guest-book"
        )
    package = project.replace("-", "_")
    if keyword.iskeyword(package):
        raise InvalidName(f"{project!r} is a keyword of Python, so it cannot name a package")
    if package in sys.stdlib_module_names:
        raise InvalidName(
            f"{project!r} would hide the module {package!r} of the standard library; use another "
            "name"
        )
    if package in _RESERVED:
        raise InvalidName(f"{project!r} is reserved in every project; use another name")
    spec = importlib.util.find_spec(package)
    # A folder without modules, such as that of the project itself, hides nothing.
    if spec is not None and spec.origin is not None:
        raise InvalidName(f"a package {package!r} is installed already; use another name")
    try:
        version = importlib.metadata.version(project)
    except importlib.metadata.PackageNotFoundError:
        return package
    raise InvalidName(
        f"a distribution {project!r} is installed already, in version {version}; use another name"
    )
