"""Names are checked before anything is written."""

from __future__ import annotations

import pytest

from actionhero_generate.names import NameFault, package_name, part_name


@pytest.mark.parametrize("given", ["user:create", "user-create", "user_create", "UserCreate"])
def test_however_a_part_is_written_it_has_one_module_and_one_class(given: str) -> None:
    """Words may be parted in any usual way."""
    part = part_name(given)

    assert (part.module, part.class_name) == ("user_create", "UserCreate")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("1st", "is not a name"),
        ("", "is not a name"),
        ("../up", "is not a name"),
        ("a b", "is not a name"),
        ("naïve", "is not a name"),
        ("class", "a word of Python"),
        ("none", "a word of Python"),
    ],
)
def test_a_part_that_could_not_be_imported_is_refused(given: str, why: str) -> None:
    """The message names what was given, and why it will not do."""
    with pytest.raises(NameFault, match=why) as raised:
        part_name(given)

    assert repr(given) in str(raised.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("Guest", "is not a name for a project"),
        ("../guest", "is not a name for a project"),
        ("class", "a word of Python"),
        ("json", "would hide the module 'json'"),
        ("tests", "a meaning of its own"),
        ("click", "a package 'click' is installed already"),
        ("actionhero-web", "a package 'actionhero_web' is installed already"),
        ("pytest-asyncio", "installed already"),
    ],
)
def test_a_project_that_would_hide_something_is_refused(given: str, why: str) -> None:
    """A project does not take the name of Python's own modules, or of what is installed."""
    with pytest.raises(NameFault, match=why):
        package_name(given)


def test_a_project_may_have_a_dash_and_its_package_has_none() -> None:
    """The folder is called as was typed; the package as it can be imported."""
    assert package_name("guest-book") == "guest_book"
