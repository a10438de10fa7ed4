"""Checks of names, before files are written."""

from __future__ import annotations

import pytest

from actionhero_generate.names import InvalidName, component_name, package_name


@pytest.mark.parametrize("text", ["user:create", "user-create", "user_create", "UserCreate"])
def test_all_spellings_have_the_same_module_and_class(text: str) -> None:
    """Words are separated by colons, dashes, underscores or case."""
    names = component_name(text)

    assert (names.module, names.class_name) == ("user_create", "UserCreate")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1st", "invalid name"),
        ("", "invalid name"),
        ("../up", "invalid name"),
        ("a b", "invalid name"),
        ("naïve", "invalid name"),
        ("class", "a keyword of Python"),
        ("none", "a keyword of Python"),
    ],
)
def test_invalid_component_names_are_refused(text: str, reason: str) -> None:
    """The message has the name and the reason."""
    with pytest.raises(InvalidName, match=reason) as raised:
        component_name(text)

    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Guest", "invalid project name"),
        ("../guest", "invalid project name"),
        ("class", "a keyword of Python"),
        ("json", "would hide the module 'json'"),
        ("tests", "is reserved in every project"),
        ("click", "a package 'click' is installed already"),
        ("actionhero-web", "a package 'actionhero_web' is installed already"),
        ("pytest-asyncio", "installed already"),
    ],
)
def test_project_names_of_other_packages_are_refused(text: str, reason: str) -> None:
    """A project must not hide modules of Python or of installed packages."""
    with pytest.raises(InvalidName, match=reason):
        package_name(text)


def test_dashes_become_underscores_in_the_package_name() -> None:
    """A package name must be importable."""
    assert package_name("guest-book") == "guest_book"
