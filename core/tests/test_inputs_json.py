"""Inputs as a JSON object: read strictly, and every problem pointed at."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, field_validator, model_validator

from actionhero import ErrorType, Field, File, Inputs, InvalidInput, MalformedRequest
from actionhero.inputs.payloads import JsonPayload
from actionhero.inputs.schema import InputSchema


class Address(BaseModel):
    street: str
    zip: str = Field(pattern=r"^\d{5}$")


class Color(enum.StrEnum):
    RED = "red"


class SignUp(Inputs):
    name: str = Field(min_length=2, max_length=80)
    age: int | None = Field(default=None, ge=0)
    day: datetime.date | None = None
    color: Color | None = None
    address: Address | None = None
    tags: list[str] = []


SCHEMA = InputSchema(SignUp)


def read(body: bytes, schema: InputSchema = SCHEMA) -> Any:
    return JsonPayload(body).parse(schema)


def refusal(body: bytes, schema: InputSchema = SCHEMA) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        read(body, schema)
    return raised.value


def problems(error: InvalidInput) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.type) for problem in error.problems]


def test_an_object_becomes_inputs() -> None:
    """JSON has its own numbers, lists and objects; dates and such are text in it."""
    inputs = read(
        b'{"name": "Ada", "age": 36, "day": "2026-01-02", "color": "red", "tags": ["a"], '
        b'"address": {"street": "CallQueue", "zip": "10115"}}'
    )

    assert (inputs.name, inputs.age, inputs.day) == ("Ada", 36, datetime.date(2026, 1, 2))
    assert inputs.color is Color.RED
    assert inputs.address == Address(street="CallQueue", zip="10115")


def test_an_empty_body_is_an_empty_object() -> None:
    """So a missing input is told by its name."""
    error = refusal(b"")

    assert error.message == "Missing required param: name"
    assert error.type is ErrorType.PARAM_REQUIRED
    assert problems(error) == [("/name", "missing")]


@pytest.mark.parametrize(
    "body", [b'{"name": "Ada", "age": "36"}', b'{"name": "Ada", "age": 3.5}', b'{"name": 7}']
)
def test_json_is_read_strictly(body: bytes) -> None:
    """A string is not a number, a number is not a string, a fraction is no integer."""
    refusal(body)


def test_all_problems_are_told_at_once() -> None:
    """The first by declaration is the message; all of them are listed with pointers."""
    error = refusal(b'{"tags": [1, 2], "address": {"zip": "1"}, "age": -1, "name": "A"}')

    assert error.message == "String should have at least 2 characters"
    assert (error.key, error.value) == ("name", "A")
    assert problems(error) == [
        ("/name", "string_too_short"),
        ("/age", "greater_than_equal"),
        ("/address/street", "missing"),
        ("/address/zip", "string_pattern_mismatch"),
        ("/tags/0", "string_type"),
        ("/tags/1", "string_type"),
    ]


def test_a_problem_inside_of_an_input_is_told_with_the_whole_input() -> None:
    """`key` and `value` are the input that was given, the pointer leads into it."""
    error = refusal(b'{"name": "Ada", "address": {"street": "CallQueue"}}')

    assert error.message == "Missing required param: zip"
    assert error.key == "address"
    assert problems(error) == [("/address/zip", "missing")]


def test_names_with_slashes_are_escaped_in_pointers() -> None:
    """Pointers follow RFC 6901."""

    class Odd(Inputs):
        path: int = Field(alias="a/b~c")

    error = refusal(b'{"a/b~c": "x"}', InputSchema(Odd))

    assert error.key == "a/b~c"
    assert problems(error) == [("/a~1b~0c", "int_type")]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Owner(Inputs):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    number: int | list[int] = 0


def test_a_pointer_leads_through_what_was_given_and_nothing_else() -> None:
    """The members of a union are no part of the inputs."""
    schema = InputSchema(Owner)

    assert problems(refusal(b'{"pet": {"kind": "cat"}}', schema)) == [("/pet/lives", "missing")]
    numbers = refusal(b'{"pet": {"kind": "dog", "name": "Rex"}, "number": [1, "x"]}', schema)
    assert problems(numbers) == [("/number", "int_type"), ("/number/1", "int_type")]
    assert numbers.key == "number"


def test_inputs_that_are_one_of_several_models() -> None:
    """The inputs as a whole may be a union."""
    schema = InputSchema(Annotated[Cat | Dog, Field(discriminator="kind")])

    assert read(b'{"kind": "dog", "name": "Rex"}', schema) == Dog(kind="dog", name="Rex")
    assert problems(refusal(b'{"kind": "cat"}', schema)) == [("/lives", "missing")]
    with pytest.raises(MalformedRequest, match="the body must be a JSON object"):
        read(b"[]", schema)


class Checked(Inputs):
    name: Annotated[str, AfterValidator(lambda name: name.strip())]
    first: int = 0
    last: int = 0

    @field_validator("name")
    @classmethod
    def not_root(cls, name: str) -> str:
        if name == "root":
            raise ValueError("that name is ours")
        if name == "admin":
            raise AssertionError("no admins here")
        return name

    @model_validator(mode="after")
    def in_order(self) -> Checked:
        if self.first > self.last:
            raise ValueError("the first comes after the last")
        return self


def test_a_validator_of_the_author_speaks_in_its_own_words() -> None:
    """Without what the validation library puts before them."""
    schema = InputSchema(Checked)

    assert refusal(b'{"name": "root"}', schema).message == "that name is ours"
    assert refusal(b'{"name": "admin"}', schema).message == "no admins here"


def test_a_problem_of_the_inputs_as_a_whole_has_no_key() -> None:
    """Two fields that do not go together: the pointer is that of the whole document."""
    error = refusal(b'{"name": "Ada", "first": 2, "last": 1}', InputSchema(Checked))

    assert error.message == "the first comes after the last"
    assert error.key is None
    assert repr(error.value) == "ABSENT"
    assert problems(error) == [("", "value_error")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'"text"', "the body must be a JSON object"),
        (b"7", "the body must be a JSON object"),
    ],
)
def test_what_is_no_object_is_malformed(body: bytes, message: str) -> None:
    """Inputs have names."""
    with pytest.raises(MalformedRequest) as raised:
        read(body)

    assert raised.value.message == message


@pytest.mark.parametrize(
    "body", [b"{", b"{]", b'{"name": }', b"\xff", b'{"a": NaN}', b"{'a': 1}", b'{"a": 1}x']
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    """The door can say that it is not the inputs that are wrong, but the request."""
    with pytest.raises(MalformedRequest):
        read(body)


def test_an_integer_of_more_than_64_bits_is_refused() -> None:
    """Wherever it stands, it is pointed at."""

    class Numbers(Inputs):
        number: int = 0
        numbers: list[int] = []
        by_name: dict[str, Any] = {}
        name: str = ""

    schema = InputSchema(Numbers)
    long = b"9" * 30

    assert read(b'{"number": 9223372036854775807}', schema).number == 2**63 - 1
    assert problems(refusal(b'{"number": 9223372036854775808}', schema)) == [
        ("/number", "int_too_large")
    ]
    error = refusal(b'{"numbers": [1, %b], "by_name": {"a": [%b]}}' % (long, long), schema)
    assert problems(error) == [
        ("/numbers/1", "int_too_large"),
        ("/by_name/a/0", "int_too_large"),
    ]
    assert read(b'{"name": "%b"}' % long, schema).name == long.decode()


def test_a_file_cannot_be_sent_as_json() -> None:
    """The message says what is wanted."""

    class Upload(Inputs):
        picture: File

    error = refusal(b'{"picture": "a.png"}', InputSchema(Upload))

    assert error.message == "File is required"
    assert problems(error) == [("/picture", "file_required")]


def test_no_surprise_hides_in_unknown_names() -> None:
    """What is not declared is ignored, nested as well."""
    inputs = read(b'{"name": "Ada", "is_admin": true, "__class__": "x"}')

    assert inputs == SignUp(name="Ada")


def test_the_schema_is_that_of_what_is_given() -> None:
    """Documents show what a client has to send, with required inputs and references."""
    schema = SCHEMA.json_schema(ref_template="#/components/schemas/{model}")

    assert schema["required"] == ["name"]
    assert schema["properties"]["name"]["minLength"] == 2
    assert schema["properties"]["address"]["anyOf"][0] == {"$ref": "#/components/schemas/Address"}
    dictionary = InputSchema(dict[str, int]).json_schema()
    assert dictionary["additionalProperties"] == {"type": "integer"}
