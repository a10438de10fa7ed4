"""Questions about annotations, in all the ways in which they can be written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter

from actionhero import Secret
from actionhero.inputs.annotations import (
    is_secret,
    is_sequence,
    is_structure,
    members,
    parts,
    with_portable_typed_dicts,
)


class Model(BaseModel):
    number: int


@dataclasses.dataclass
class Point:
    x: int


class Address(TypedDict):
    zip: str
    street: NotRequired[str]


class Person(TypedDict, total=False):
    addresses: list[Address]
    key: Secret[str]


class Tree(TypedDict):
    branches: list[Tree]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, [int]),
        (int | None, [int]),
        (Optional[int], [int]),  # noqa: UP045 - both ways of writing it
        (Union[int, str], [int, str]),  # noqa: UP007
        (list[int], [int]),
        (dict[str, list[Model]], [str, Model]),
        (tuple[int, ...], [int]),
        (Annotated[list[int], "note"], [int]),
    ],
)
def test_what_stands_inside_an_annotation(annotation: Any, expected: list[Any]) -> None:
    """Unions, containers and notes are looked through."""
    assert list(parts(annotation)) == expected


def test_the_members_of_a_union() -> None:
    """`None` is not counted, notes are looked through, containers stay whole."""
    assert list(members(Annotated[int | list[str] | None, "note"])) == [int, list[str]]
    assert list(members(str)) == [str]


@pytest.mark.parametrize(
    "annotation",
    [
        Secret[str],
        Secret[str] | None,
        Annotated[Secret[str], "note"],
        SecretStr,
        SecretStr | None,
        list[SecretStr],
        dict[str, Secret[int]],
    ],
)
def test_what_is_secret(annotation: Any) -> None:
    """A mark anywhere in it makes a field secret as a whole."""
    assert is_secret(annotation, ())


@pytest.mark.parametrize("annotation", [str, list[str], Model, Annotated[str, "note"], Any])
def test_what_is_not_secret(annotation: Any) -> None:
    """Only marked fields are."""
    assert not is_secret(annotation, ())


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[int], True),
        (list[int] | None, True),
        (Sequence[str], True),
        (set[int], True),
        (frozenset[str], True),
        (tuple[int, ...], True),
        (list, True),
        (Annotated[list[str], "note"], True),
        (str, False),
        (bytes, False),
        (dict[str, int], False),
        (Literal["a", "b"], False),
        (Any, False),
    ],
)
def test_for_which_fields_repeated_values_make_a_list(annotation: Any, expected: bool) -> None:
    """Text is no list, though it is a sequence."""
    assert is_sequence(annotation) is expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Model, True),
        (Model | None, True),
        (list[Model], True),
        (Point, True),
        (Address, True),
        (dict[str, int], True),
        (Mapping[str, int], True),
        (list[dict[str, int]], True),
        (list[str], False),
        (int, False),
    ],
)
def test_for_which_fields_text_is_read_as_json(annotation: Any, expected: bool) -> None:
    """Objects, and lists of objects."""
    assert is_structure(annotation) is expected


def test_typed_dictionaries_of_the_standard_library_can_be_validated() -> None:
    """On every Python that we run on, nested as well, with what may be left out."""
    adapter: TypeAdapter[Any] = TypeAdapter(with_portable_typed_dicts(dict[str, Person | None]))

    value = {"ada": {"addresses": [{"zip": "10115"}]}, "nobody": None}

    assert adapter.validate_python(value) == value
    with pytest.raises(ValueError, match=r"ada.addresses.0.zip"):
        adapter.validate_python({"ada": {"addresses": [{"street": "Main"}]}})


@pytest.mark.parametrize("annotation", [int, list[str], int | None, Annotated[int, "note"], Model])
def test_other_annotations_stay_what_they_are(annotation: Any) -> None:
    """Only typed dictionaries are replaced."""
    assert with_portable_typed_dicts(annotation) == annotation


def test_a_typed_dictionary_inside_itself_does_not_go_on_for_ever() -> None:
    """It is left to the validation library to say what it makes of it."""
    assert with_portable_typed_dicts(Tree) is not None
