"""Properties of annotations in all their spellings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import pytest
import typing_extensions
from pydantic import BaseModel, RootModel, SecretStr, TypeAdapter

from actionhero import Secret
from actionhero.inputs.annotations import (
    is_optional,
    is_secret,
    is_sequence,
    is_structure,
    members,
    parts,
    with_portable_typed_dicts,
)

T = TypeVar("T")
S = TypeVar("S")


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


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


class Extended(typing_extensions.TypedDict):
    number: int


class Credentials(NamedTuple):
    password: Secret[str]
    others: list[Credentials] = []


alias = typing_extensions.TypeAliasType
Models = alias("Models", list[Model] | None)
Nested = alias("Nested", "dict[str, Nested] | list[Nested] | Secret[str]")
Swapped: Any = alias("Swapped", dict[S, T], type_params=(T, S))  # type: ignore[arg-type]


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
        (Models, [Model]),
        (list[Models], [Model]),
        (Nested, [str, str]),
        (Swapped[int, str], [str, int]),
        (NewType("Token", str), [str]),
        (Box[int], [Box, int]),
    ],
)
def test_parts_are_the_plain_types_of_an_annotation(annotation: Any, expected: list[Any]) -> None:
    """Unions, containers and `Annotated` are resolved."""
    assert list(parts(annotation)) == expected


def test_the_members_of_a_union() -> None:
    """`None` is left out, `Annotated` is resolved, containers are members."""
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
def test_secret_annotations(annotation: Any) -> None:
    """A marker at any depth makes the field secret."""
    assert is_secret(annotation, ())


@pytest.mark.parametrize("annotation", [str, list[str], Model, Annotated[str, "note"], Any])
def test_annotations_without_a_marker_are_not_secret(annotation: Any) -> None:
    """Only marked fields are secret."""
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
def test_repeated_values_make_a_list_for_sequences(annotation: Any, expected: bool) -> None:
    """Text is a sequence, but not a list."""
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
def test_text_is_parsed_as_json_for_structures(annotation: Any, expected: bool) -> None:
    """Objects, and lists of objects."""
    assert is_structure(annotation) is expected


def test_typed_dictionaries_of_the_standard_library_can_be_validated() -> None:
    """On all supported versions of Python, nested, with optional keys."""
    adapter: TypeAdapter[Any] = TypeAdapter(with_portable_typed_dicts(dict[str, Person | None]))

    value = {"ada": {"addresses": [{"zip": "10115"}]}, "nobody": None}

    assert adapter.validate_python(value) == value
    with pytest.raises(ValueError, match=r"ada.addresses.0.zip"):
        adapter.validate_python({"ada": {"addresses": [{"street": "Main"}]}})


@pytest.mark.parametrize("annotation", [int, list[str], int | None, Annotated[int, "note"], Model])
def test_other_annotations_are_not_changed(annotation: Any) -> None:
    """Only typed dictionaries are replaced."""
    assert with_portable_typed_dicts(annotation) == annotation


def test_recursive_typed_dictionaries_are_supported() -> None:
    """The recursion stops at the inner use."""
    assert with_portable_typed_dicts(Tree) is not None


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (alias("Token", Secret[str]), True),
        (list[alias("Token", SecretStr)], True),  # type: ignore[misc]
        (NewType("Token", SecretStr), True),
        (dataclasses.InitVar[SecretStr], True),
        (Nested, True),
        (Credentials, True),
        (dict[str, list[Credentials]], True),
        (RootModel[SecretStr], True),
        (RootModel[Annotated[str, "note"]], False),
        (Models, False),
        (Swapped[int, str], False),
    ],
)
def test_secrets_are_found_behind_names_and_in_values_without_names(
    annotation: Any, expected: bool
) -> None:
    """A secret in an array is not redacted by its name, so the whole field is secret."""
    assert is_secret(annotation, ()) is expected


def test_aliases_are_resolved_in_all_properties() -> None:
    assert list(members(Models)) == [list[Model]]
    assert is_optional(Models)
    assert is_sequence(Models)
    assert is_structure(Models)
    assert is_structure(Extended)
    assert not is_structure(alias("Numbers", "list[Numbers] | int"))
