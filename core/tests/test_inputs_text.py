"""Inputs as text: from paths, queries, forms and shells, and beside a JSON object."""

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
    """Return inputs from text; each may be given several times."""
    given = {name: value if isinstance(value, list) else [value] for name, value in text.items()}
    return TextPayload(given).parse(schema)


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
def test_text_becomes_what_the_field_wants(name: str, text: str, value: Any) -> None:
    """A query or a shell knows nothing but text; the field says what it means."""
    assert getattr(read(SCHEMA, **{name: text}), name) == value


def test_the_last_of_repeated_values_wins() -> None:
    """A field that is no list takes the last that was given."""
    assert read(number=["1", "2", "3"]).number == 3


def test_repeated_values_make_a_list() -> None:
    """A field that is a list, or a set, takes all of them, and one value makes a list of one."""
    assert read(words=["a", "b"]).words == ["a", "b"]
    assert read(words="a").words == ["a"]
    assert read(numbers=["1", "2", "1"]).numbers == {1, 2}


def test_text_for_an_object_is_json() -> None:
    """Nested values are written as JSON, in a query as well as in a shell."""
    assert read(address='{"zip": "10115", "floor": 2}').address == Address(zip="10115", floor=2)
    assert read(labels='{"a": 1}').labels == {"a": 1}


def test_text_for_a_list_of_objects_is_json_once_or_one_by_one() -> None:
    """The whole list in one text, or one object per text."""
    expected = [Address(zip="1"), Address(zip="2")]

    assert read(addresses='[{"zip": "1"}, {"zip": "2"}]').addresses == expected
    assert read(addresses=['{"zip": "1"}', '{"zip": "2"}']).addresses == expected
    assert read(addresses='{"zip": "1"}').addresses == expected[:1]


def test_text_for_an_object_that_is_no_json_is_told_as_that() -> None:
    """The field is named, and what was given is told back."""
    error = refusal(address="CallQueue 7")

    assert error.key == "address"
    assert error.value == "CallQueue 7"
    assert error.problems[0].pointer == "/address"


def test_the_first_wrong_input_by_declaration_is_told_and_all_are_listed() -> None:
    """Whatever the order in which they were given."""
    error = refusal(kind="c", number="many", flag="perhaps")

    assert error.message == "Input should be a valid integer, unable to parse string as an integer"
    assert (error.key, error.value) == ("number", "many")
    assert [problem.pointer for problem in error.problems] == ["/number", "/flag", "/kind"]
    assert [problem.type for problem in error.problems] == [
        "int_parsing",
        "bool_parsing",
        "literal_error",
    ]


def test_a_problem_deep_inside_is_pointed_at() -> None:
    """The pointer leads to the very value, the key to the input."""
    error = refusal(addresses=['{"zip": "1"}', '{"zip": "2", "floor": "roof"}'])

    assert error.problems[0].pointer == "/addresses/1/floor"
    assert error.key == "addresses"


def test_what_is_not_declared_is_ignored() -> None:
    """Strangers may send more than is wanted."""
    assert read(number="1", utm_source="letter").number == 1


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "9" * 400])
def test_an_integer_of_more_than_64_bits_is_refused(text: str) -> None:
    """No database has a place for it."""
    error = refusal(number=text)

    assert error.message == "Input should be an integer that fits into 64 bits"
    assert (error.key, error.value) == ("number", int(text))
    assert error.problems[0].type == "int_too_large"


@pytest.mark.parametrize("text", ["9223372036854775807", "-9223372036854775808"])
def test_an_integer_of_64_bits_is_taken(text: str) -> None:
    """The limit itself is inside."""
    assert read(number=text).number == int(text)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_long_integer_is_found_wherever_it_stands_in_a_list(position: int) -> None:
    """All that was given is looked at, not the last alone."""
    numbers = ["1", "2", "3"]
    numbers[position] = "9" * 30

    assert refusal(numbers=numbers).key == "numbers"


def test_a_long_integer_inside_of_json_text_is_refused() -> None:
    """Nested numbers have the same limit."""
    error = refusal(address=f'{{"zip": "1", "floor": {"9" * 30}}}')

    assert error.problems[0].pointer == "/address/floor"


def test_long_digits_for_a_field_that_is_no_integer_are_fine() -> None:
    """Text is text, however many digits it has."""
    assert read(words=["9" * 30]).words == ["9" * 30]
    assert read(price="9" * 30).price == Decimal("9" * 30)


def test_not_a_number_is_refused() -> None:
    """`nan` and `inf` are no numbers that anybody wants to calculate with."""
    assert refusal(ratio="nan").key == "ratio"
    assert refusal(ratio="inf").key == "ratio"


class Renamed(Inputs):
    sorting: str = Field(alias="sort-by", default="name")
    page: int = Field(validation_alias=AliasChoices("page", "p"), default=1)


def test_a_field_is_given_by_its_alias() -> None:
    """What is called otherwise outside is found, and messages use the outer name."""
    schema = InputSchema(Renamed)

    inputs = read(schema, **{"sort-by": "age", "p": "2"})

    assert (inputs.sorting, inputs.page) == ("age", 2)
    assert schema.names == {"sort-by", "page", "p"}
    assert refusal(schema, p="two").key == "p"


class Strict(Inputs):
    name: Annotated[str, Field(min_length=2, description="Who.")]
    nick: str = "none"


def test_a_missing_input_is_named() -> None:
    """The message says which; there is no value to tell."""
    error = refusal(InputSchema(Strict))

    assert error.message == "Missing required param: name"
    assert error.key == "name"
    assert repr(error.value) == "ABSENT"
    assert error.problems[0][0] == "/name"
    assert error.problems[0].type == "missing"


def test_what_is_known_of_each_field() -> None:
    """Listings and `--help` are made from this."""
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
    """Coercion, lists and messages are the same."""
    point, words = InputSchema(Point), InputSchema(Filter)

    assert read(point, x="1") == Point(1)
    assert read(words, words=["a", "b"], limit="3") == {"words": ["a", "b"], "limit": 3}
    assert refusal(point).message == "Missing required param: x"
    assert refusal(words, limit="many").key == "limit"
    assert [field.required for field in point.fields] == [True, False]
    assert [field.required for field in words.fields] == [False, False]


def test_a_file_is_taken_as_it_is() -> None:
    """Whatever else a field wants, a file is not text."""

    class Upload(Inputs):
        picture: File

    file = File("a.png", "image/png", 0, io.BytesIO())

    assert read(InputSchema(Upload), picture=file).picture is file
    assert refusal(InputSchema(Upload), picture="a.png").message == "File is required"


def test_no_inputs_at_all_are_fine_where_none_are_needed() -> None:
    """Defaults are used."""
    assert EMPTY_PAYLOAD.parse(SCHEMA) == Everything()


def test_values_of_a_test_or_a_job_are_coerced_where_they_can_be() -> None:
    """Python values are taken as pydantic takes them, and a slip is told with the nearest name."""
    assert ValuePayload({"number": 7, "words": ["a"]}).parse(SCHEMA).words == ["a"]

    with pytest.raises(InvalidInput) as raised:
        ValuePayload({"nunber": 7, "ratio": "x"}).parse(SCHEMA)

    messages = [problem.message for problem in raised.value.problems]
    assert "Unknown param: nunber (did you mean 'number'?)" in messages
    assert len(messages) == 2


def test_values_that_are_not_declared_may_be_ignored() -> None:
    """A queue may hold jobs of an older version."""
    assert ValuePayload({"old": 1}, refuse_unknown=False).parse(SCHEMA) == Everything()


def test_an_unknown_value_is_told_with_what_there_is() -> None:
    """Where nothing is near, all names are listed."""
    with pytest.raises(InvalidInput) as raised:
        ValuePayload({"zzz": 1}).parse(InputSchema(Strict))

    problems = {problem.message for problem in raised.value.problems}
    assert "Unknown param: zzz (there are: name, nick)" in problems


def mixed(body: bytes, over: Any = None, under: Any = None) -> Any:
    return MixedPayload(over or {}, body, under or {}).parse(SCHEMA)


def test_the_path_wins_over_the_body_and_the_body_over_the_query() -> None:
    """Whoever builds a link knows what it leads to, whatever is sent along."""
    inputs = mixed(
        b'{"number": 2, "words": ["b"]}',
        over={"number": ["3"]},
        under={"words": ["c"], "ratio": ["0.5"]},
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
    """Each is coerced to its field on its own, though the body is read strictly."""
    assert mixed(b'{"kind": "b"}', under={name: [text]}) == read(
        SCHEMA, **{name: text, "kind": "b"}
    )


def test_a_body_stays_strict_beside_a_query() -> None:
    """A string in JSON is no number, even if text in the query would be."""
    with pytest.raises(InvalidInput) as raised:
        mixed(b'{"number": "7"}', under={"ratio": ["0.5"]})

    assert raised.value.message == "Input should be a valid integer"
    assert (raised.value.key, raised.value.value) == ("number", "7")


def test_problems_of_text_and_body_are_told_together() -> None:
    """In the order in which the fields are declared, each once."""
    with pytest.raises(InvalidInput) as raised:
        mixed(b'{"flag": 1, "kind": "z"}', over={"number": ["x"]}, under={"ratio": ["y"]})

    pointers = [problem.pointer for problem in raised.value.problems]
    assert pointers == ["/number", "/ratio", "/flag", "/kind"]
    assert (raised.value.key, raised.value.value) == ("number", "x")


def test_a_body_that_is_no_object_is_refused_beside_a_query() -> None:
    """There is nothing to merge."""
    with pytest.raises(MalformedRequest, match="the body must be a JSON object"):
        mixed(b"[1]", under={"number": ["1"]})


def test_a_long_integer_in_a_query_beside_a_body_is_refused() -> None:
    """The limit holds for what is merged."""
    with pytest.raises(InvalidInput, match="fits into 64 bits"):
        mixed(b"{}", under={"number": ["9" * 30]})


def test_what_was_given_can_be_looked_at_after_a_failure() -> None:
    """For the log: path over body over query, and nothing of what cannot be read."""
    raw = MixedPayload({"a": ["1"]}, b'{"a": 2, "b": 3}', {"b": ["4"], "c": ["5", "6"]})

    assert raw.preview() == {"a": "1", "b": 3, "c": ["5", "6"]}
    assert MixedPayload({}, b"{", {"c": ["5"]}).preview() == {"c": "5"}
