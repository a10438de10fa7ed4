"""Inputs as text: paths, queries, forms and command lines, also beside a JSON object."""

from __future__ import annotations

import dataclasses
import datetime
import io
import uuid
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import AliasChoices, BaseModel

from actionhero import Field, File, Inputs, InvalidInput, MalformedRequest
from actionhero.inputs.payloads import EMPTY_PAYLOAD, MixedPayload, TextPayload, ValuePayload
from actionhero.inputs.schema import InputSchema


class Color(Enum):
    RED = "red"


class Address(BaseModel):
    zip: str
    floor: int = 0


class Everything(Inputs):
    number: int = 0
    ratio: float = 0.0
    price: Decimal = Decimal(0)
    flag: bool = False
    day: datetime.date | None = None
    pause: datetime.timedelta | None = None
    id: uuid.UUID | None = None
    color: Color | None = None
    kind: Literal["a", "b"] = "a"
    words: list[str] = []
    numbers: set[int] = set()
    address: Address | None = None
    addresses: list[Address] = []
    labels: dict[str, int] = {}
    maybe: int | None = None


SCHEMA = InputSchema(Everything)


def read(schema: InputSchema = SCHEMA, /, **text: Any) -> Any:
    """Return inputs from text; a list has several texts of one name."""
    texts = {name: value if isinstance(value, list) else [value] for name, value in text.items()}
    return TextPayload(texts).parse(schema)


def refusal(schema: InputSchema = SCHEMA, /, **text: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        read(schema, **text)
    return raised.value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("number", "7", 7),
        ("number", "-7", -7),
        ("ratio", "0.5", 0.5),
        ("price", "9.90", Decimal("9.90")),
        ("flag", "true", True),
        ("flag", "0", False),
        ("day", "2026-01-02", datetime.date(2026, 1, 2)),
        ("pause", "PT90S", datetime.timedelta(seconds=90)),
        ("id", str(uuid.UUID(int=7)), uuid.UUID(int=7)),
        ("color", "red", Color.RED),
        ("kind", "b", "b"),
        ("maybe", "3", 3),
    ],
)
def test_text_is_converted_to_the_type_of_the_field(name: str, text: str, value: Any) -> None:
    """Queries and command lines have text only."""
    assert getattr(read(SCHEMA, **{name: text}), name) == value


@pytest.mark.parametrize("text", ["1_0", "\uff11\uff10", "0x1", "1 0"])
@pytest.mark.parametrize("name", ["number", "ratio", "price", "numbers", "address", "labels"])
def test_text_that_is_a_number_in_python_alone_is_refused(name: str, text: str) -> None:
    """Clients write numbers as JSON does; spaces around them and a plus sign are accepted."""
    place = {"address": '{"zip": "1", "floor": "%s"}', "labels": '{"a": "%s"}'}.get(name, "%s")

    assert refusal(SCHEMA, **{name: place % text}).key == name
    assert read(SCHEMA, **{name: place % " +7 "}) == read(SCHEMA, **{name: place % "7"})


def test_the_last_of_repeated_values_wins() -> None:
    """A field that is not a list gets the last value."""
    assert read(number=["1", "2", "3"]).number == 3


def test_repeated_values_make_a_list() -> None:
    """A list or a set gets all values, and one value makes a list of one."""
    assert read(words=["a", "b"]).words == ["a", "b"]
    assert read(words="a").words == ["a"]
    assert read(numbers=["1", "2", "1"]).numbers == {1, 2}


def test_text_for_an_object_is_json() -> None:
    """Nested values are JSON, in a query and on a command line."""
    assert read(address='{"zip": "10115", "floor": 2}').address == Address(zip="10115", floor=2)
    assert read(labels='{"a": 1}').labels == {"a": 1}


def test_text_of_a_list_of_objects_is_one_array_or_several_objects() -> None:
    """The whole list in one text, or one object per text."""
    expected = [Address(zip="1"), Address(zip="2")]

    assert read(addresses='[{"zip": "1"}, {"zip": "2"}]').addresses == expected
    assert read(addresses=['{"zip": "1"}', '{"zip": "2"}']).addresses == expected
    assert read(addresses='{"zip": "1"}').addresses == expected[:1]


def test_invalid_json_text_of_an_object_is_an_input_error() -> None:
    """The error has the field and its value."""
    error = refusal(address="Main Street 7")

    assert error.key == "address"
    assert error.value == "Main Street 7"
    assert error.problems[0].pointer == "/address"


def test_the_message_is_that_of_the_first_invalid_field() -> None:
    """All problems are listed, in the order of declaration."""
    error = refusal(kind="c", number="many", flag="perhaps")

    assert error.message == "Input should be a valid integer, unable to parse string as an integer"
    assert (error.key, error.value) == ("number", "many")
    assert [problem.pointer for problem in error.problems] == ["/number", "/flag", "/kind"]
    assert [problem.type for problem in error.problems] == [
        "int_parsing",
        "bool_parsing",
        "literal_error",
    ]


def test_pointers_locate_nested_problems() -> None:
    """The pointer leads to the value, the key is the input."""
    error = refusal(addresses=['{"zip": "1"}', '{"zip": "2", "floor": "roof"}'])

    assert error.problems[0].pointer == "/addresses/1/floor"
    assert error.key == "addresses"


def test_undeclared_inputs_are_ignored() -> None:
    """Remote clients may send more inputs."""
    assert read(number="1", utm_source="letter").number == 1


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "9" * 400])
def test_integers_keep_all_their_digits(text: str) -> None:
    """Core has no limit of 64 bits: databases have."""
    nested = f'{{"zip": "1", "floor": {text}}}'

    assert read(number=text).number == int(text)
    assert read(numbers=["1", text, "3"]).numbers == {1, int(text), 3}
    assert read(address=nested).address == Address(zip="1", floor=int(text))
    assert mixed(b"{}", query={"number": [text]}).number == int(text)


def test_integers_of_too_many_digits_are_refused() -> None:
    """Python itself limits the conversion of text."""
    error = refusal(number="9" * 5000)

    assert (error.key, error.problems[0].type) == ("number", "int_parsing_size")


def test_long_digits_are_accepted_in_text_and_decimals() -> None:
    """Text may consist of any number of digits."""
    assert read(words=["9" * 30]).words == ["9" * 30]
    assert read(price="9" * 30).price == Decimal("9" * 30)


def test_nan_and_infinity_are_refused() -> None:
    """`nan` and `inf` are invalid for a float."""
    assert refusal(ratio="nan").key == "ratio"
    assert refusal(ratio="inf").key == "ratio"


class Renamed(Inputs):
    sorting: str = Field(alias="sort-by", default="name")
    page: int = Field(validation_alias=AliasChoices("page", "p"), default=1)


def test_fields_are_read_by_their_aliases() -> None:
    """Errors use the alias too."""
    schema = InputSchema(Renamed)

    inputs = read(schema, **{"sort-by": "age", "p": "2"})

    assert (inputs.sorting, inputs.page) == ("age", 2)
    assert schema.names == {"sort-by", "page", "p"}
    assert refusal(schema, p="two").key == "p"


class Strict(Inputs):
    name: Annotated[str, Field(min_length=2, description="Who.")]
    nick: str = "none"


def test_missing_inputs_are_named() -> None:
    """The message names the input; the error has no value."""
    error = refusal(InputSchema(Strict))

    assert error.message == "Missing required param: name"
    assert error.key == "name"
    assert repr(error.value) == "ABSENT"
    assert error.problems[0][0] == "/name"
    assert error.problems[0].type == "missing"


def test_fields_describe_the_inputs() -> None:
    """Listings and `--help` are made from the fields."""
    name, nick = InputSchema(Strict).fields

    assert (name.name, name.description, name.required) == ("name", "Who.", True)
    assert (nick.name, nick.default, nick.required) == ("nick", "none", False)
    assert (name.secret, name.is_list, name.is_structure) == (False, False, False)


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Filter(TypedDict, total=False):
    words: list[str]
    limit: NotRequired[int]


def test_dataclasses_and_typed_dictionaries_read_text_like_models() -> None:
    """Conversions, lists and messages are the same."""
    point, words = InputSchema(Point), InputSchema(Filter)

    assert read(point, x="1") == Point(1)
    assert read(words, words=["a", "b"], limit="3") == {"words": ["a", "b"], "limit": 3}
    assert refusal(point).message == "Missing required param: x"
    assert refusal(words, limit="many").key == "limit"
    assert [field.required for field in point.fields] == [True, False]
    assert [field.required for field in words.fields] == [False, False]


def test_files_are_not_converted() -> None:
    """Text is not accepted for a file."""

    class Upload(Inputs):
        picture: File

    file = File("a.png", "image/png", 0, io.BytesIO())

    assert read(InputSchema(Upload), picture=file).picture is file
    assert refusal(InputSchema(Upload), picture="a.png").message == "File is required"


def test_an_empty_payload_uses_the_defaults() -> None:
    """No input is required."""
    assert EMPTY_PAYLOAD.parse(SCHEMA) == Everything()


def test_python_values_are_converted_and_unknown_names_refused() -> None:
    """Pydantic converts values; the error suggests the nearest name."""
    assert ValuePayload({"number": 7, "words": ["a"]}).parse(SCHEMA).words == ["a"]

    with pytest.raises(InvalidInput) as raised:
        ValuePayload({"nunber": 7, "ratio": "x"}).parse(SCHEMA)

    messages = [problem.message for problem in raised.value.problems]
    assert "Unknown param: nunber (did you mean 'number'?)" in messages
    assert len(messages) == 2


def test_undeclared_values_can_be_ignored() -> None:
    """A queue may contain jobs of an older version."""
    assert ValuePayload({"old": 1}, refuse_unknown=False).parse(SCHEMA) == Everything()


def test_the_error_of_an_unknown_name_lists_the_inputs() -> None:
    """Without a similar name, all names are listed."""
    with pytest.raises(InvalidInput) as raised:
        ValuePayload({"zzz": 1}).parse(InputSchema(Strict))

    problems = {problem.message for problem in raised.value.problems}
    assert "Unknown param: zzz (available: name, nick)" in problems


def mixed(body: bytes, path: Any = None, query: Any = None) -> Any:
    return MixedPayload(path or {}, body, query or {}).parse(SCHEMA)


def test_path_overrides_body_and_body_overrides_query() -> None:
    """Other sources cannot change the parameters of a path."""
    inputs = mixed(
        b'{"number": 2, "words": ["b"]}',
        path={"number": ["3"]},
        query={"words": ["c"], "ratio": ["0.5"]},
    )

    assert (inputs.number, inputs.words, inputs.ratio) == (3, ["b"], 0.5)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("number", "7"),
        ("price", "9.90"),
        ("flag", "true"),
        ("day", "2026-01-02"),
        ("pause", "PT90S"),
        ("color", "red"),
        ("numbers", "5"),
        ("address", '{"zip": "1"}'),
        ("id", "12345678-1234-5678-1234-567812345678"),
    ],
)
def test_text_beside_a_body_means_the_same_as_text_alone(name: str, text: str) -> None:
    """Each text is converted on its own, though the body is parsed strictly."""
    assert mixed(b'{"kind": "b"}', query={name: [text]}) == read(
        SCHEMA, **{name: text, "kind": "b"}
    )


def test_a_body_stays_strict_beside_a_query() -> None:
    """A string in JSON is not a number, unlike text in the query."""
    with pytest.raises(InvalidInput) as raised:
        mixed(b'{"number": "7"}', query={"ratio": ["0.5"]})

    assert raised.value.message == "Input should be a valid integer"
    assert (raised.value.key, raised.value.value) == ("number", "7")


def test_problems_of_text_and_body_are_reported_together() -> None:
    """In the order in which the fields are declared, each once."""
    with pytest.raises(InvalidInput) as raised:
        mixed(b'{"flag": 1, "kind": "z"}', path={"number": ["x"]}, query={"ratio": ["y"]})

    pointers = [problem.pointer for problem in raised.value.problems]
    assert pointers == ["/number", "/ratio", "/flag", "/kind"]
    assert (raised.value.key, raised.value.value) == ("number", "x")


def test_a_body_that_is_not_an_object_is_refused_beside_a_query() -> None:
    """There is nothing to merge."""
    with pytest.raises(MalformedRequest, match="the body must be a JSON object"):
        mixed(b"[1]", query={"number": ["1"]})


def test_preview_returns_inputs_without_validation() -> None:
    """For the log: path over body over query, without an invalid body."""
    payload = MixedPayload({"a": ["1"]}, b'{"a": 2, "b": 3}', {"b": ["4"], "c": ["5", "6"]})

    assert payload.preview() == {"a": "1", "b": 3, "c": ["5", "6"]}
    assert MixedPayload({}, b"{", {"c": ["5"]}).preview() == {"c": "5"}
