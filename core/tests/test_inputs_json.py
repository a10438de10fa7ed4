"""Inputs as a JSON object: strict validation, and pointers to all problems."""

from __future__ import annotations

import datetime
import enum
import io
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    create_model,
    field_validator,
    model_validator,
)

from actionhero import (
    Action,
    ErrorType,
    Field,
    File,
    Inputs,
    InvalidInput,
    MalformedRequest,
    json,
    logs,
)
from actionhero.inputs.payloads import JsonPayload
from actionhero.inputs.schema import InputSchema
from actionhero.testing import running_app


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


def test_a_json_object_is_validated() -> None:
    """JSON has numbers, lists and objects; dates and enumerations are strings."""
    inputs = read(
        b'{"name": "Ada", "age": 36, "day": "2026-01-02", "color": "red", "tags": ["a"], '
        b'"address": {"street": "Main Street", "zip": "10115"}}'
    )

    assert (inputs.name, inputs.age, inputs.day) == ("Ada", 36, datetime.date(2026, 1, 2))
    assert inputs.color is Color.RED
    assert inputs.address == Address(street="Main Street", zip="10115")


def test_an_empty_body_is_an_empty_object() -> None:
    """The error names the missing input."""
    error = refusal(b"")

    assert error.message == "Missing required param: name"
    assert error.type is ErrorType.PARAM_REQUIRED
    assert problems(error) == [("/name", "missing")]


@pytest.mark.parametrize(
    "body", [b'{"name": "Ada", "age": "36"}', b'{"name": "Ada", "age": 3.5}', b'{"name": 7}']
)
def test_json_is_validated_strictly(body: bytes) -> None:
    """A string is not a number, a number is not a string, a fraction is not an integer."""
    refusal(body)


def test_all_problems_are_reported_at_once() -> None:
    """The message is the first by declaration; all problems have pointers."""
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


def test_nested_problems_have_the_key_of_the_input() -> None:
    """`key` is the input, the pointer leads into it."""
    error = refusal(b'{"name": "Ada", "address": {"street": "Main Street"}}')

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


def test_pointers_contain_no_names_of_union_members() -> None:
    """The members of a union are not part of the inputs."""
    schema = InputSchema(Owner)

    assert problems(refusal(b'{"pet": {"kind": "cat"}}', schema)) == [("/pet/lives", "missing")]
    numbers = refusal(b'{"pet": {"kind": "dog", "name": "Rex"}, "number": [1, "x"]}', schema)
    assert problems(numbers) == [("/number", "int_type"), ("/number/1", "int_type")]
    assert numbers.key == "number"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Version(enum.Enum):
    FIRST = 1.0


@pytest.mark.parametrize(
    ("annotation", "accepted", "refused"),
    [
        (Literal[1, 2], ["1", "1.0"], ["true", '"1"']),
        (Literal[True], ["true"], ["1", "1.0"]),
        (Literal["1", 1], ["1", '"1"'], ["true"]),
        (Literal[1, True], ["1", "true"], ["0", "false"]),
        (Level, ["1", "2.0"], ["true", '"1"']),
        (Version, ["1.0", "1"], ["true"]),
        (Level | bool, ["1", "true"], ['"1"']),
        (dict[str, Literal[1]], ['{"a": 1}'], ['{"a": true}']),
    ],
)
@pytest.mark.parametrize("source", ["body", "message", "body and query"])
def test_numbers_are_not_booleans(
    annotation: Any, accepted: list[str], refused: list[str], source: str
) -> None:
    """`True` equals 1 in Python, but not in JSON."""
    schema = InputSchema(create_model("Levels", __base__=Inputs, value=annotation))

    def parse(text: str) -> Any:
        values = {"value": json.loads(text.encode())}
        if source == "body":
            return schema.from_json(json.dumps(values)).value
        if source == "message":
            return schema.from_parsed(values).value
        return schema.from_sources({}, values, {"page": ["1"]}, {}).value

    for text in accepted:
        assert (type(parse(text)) is bool) is (text == "true")
    for text in refused:
        with pytest.raises(InvalidInput, match="Input should be "):
            parse(text)


def test_inputs_may_be_a_union_of_models() -> None:
    """The whole of the inputs is a union."""
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


def test_messages_of_validators_have_no_prefix() -> None:
    """Pydantic's prefix is removed."""
    schema = InputSchema(Checked)

    assert refusal(b'{"name": "root"}', schema).message == "that name is ours"
    assert refusal(b'{"name": "admin"}', schema).message == "no admins here"


def test_problems_of_the_whole_inputs_have_no_key() -> None:
    """The pointer of a model validator is that of the whole document."""
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
def test_json_that_is_not_an_object_is_malformed(body: bytes, message: str) -> None:
    """Inputs have names."""
    with pytest.raises(MalformedRequest) as raised:
        read(body)

    assert raised.value.message == message


@pytest.mark.parametrize(
    "body", [b"{", b"{]", b'{"name": }', b"\xff", b'{"a": NaN}', b"{'a': 1}", b'{"a": 1}x']
)
def test_invalid_json_is_malformed(body: bytes) -> None:
    """The error is of the request, not of an input."""
    with pytest.raises(MalformedRequest):
        read(body)


def test_integers_keep_all_their_digits() -> None:
    """Core has no limit of 64 bits: databases have."""

    class Numbers(Inputs):
        number: int = 0
        numbers: list[int] = []
        by_name: dict[str, Any] = {}

    body = b'{"number": %d, "numbers": [1, %d], "by_name": {"a": [%d]}}' % (2**63, 10**30, -(2**70))
    inputs = read(body, InputSchema(Numbers))

    assert inputs.number == 2**63
    assert inputs.numbers == [1, 10**30]
    assert inputs.by_name == {"a": [-(2**70)]}


class Numbers(Inputs):
    numbers: list[int]


class Echo(Action):
    """Return the numbers."""

    name = "echo"

    async def run(self, inputs: Numbers) -> list[int]:
        return inputs.numbers


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_integers_of_any_size_pass_through_a_call(
    log_format: Literal["json", "console"],
) -> None:
    """From JSON through the action to JSON, and into the log line."""
    stream = io.StringIO()
    logs.configure("info", log_format, colors=False, stream=stream)
    numbers = [2**63, -(2**64), 10**30, int("9" * 4300)]
    body = json.dumps({"numbers": numbers})
    try:
        async with running_app(Echo) as app:
            app.app.pipeline.call_log = logs.call_log
            connection = app.connect().connection
            outcome = await app.app.pipeline.execute(connection, "echo", JsonPayload(body))
        logs.call_log.flush()
    finally:
        logs.shutdown()

    assert outcome.value == numbers
    assert json.encode(outcome.value) == body.removeprefix(b'{"numbers":').removesuffix(b"}")
    assert str(10**30) in stream.getvalue()


def test_a_file_cannot_be_sent_as_json() -> None:
    """The message names the expected type."""

    class Upload(Inputs):
        picture: File

    error = refusal(b'{"picture": "a.png"}', InputSchema(Upload))

    assert error.message == "File is required"
    assert problems(error) == [("/picture", "file_required")]


def test_undeclared_names_are_ignored() -> None:
    """Special names are not assigned."""
    inputs = read(b'{"name": "Ada", "is_admin": true, "__class__": "x"}')

    assert inputs == SignUp(name="Ada")


def test_the_json_schema_describes_the_payload() -> None:
    """With required inputs and references."""
    schema = SCHEMA.json_schema(ref_template="#/components/schemas/{model}")

    assert schema["required"] == ["name"]
    assert schema["properties"]["name"]["minLength"] == 2
    assert schema["properties"]["address"]["anyOf"][0] == {"$ref": "#/components/schemas/Address"}
    dictionary = InputSchema(dict[str, int]).json_schema()
    assert dictionary["additionalProperties"] == {"type": "integer"}
