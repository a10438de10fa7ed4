"""Inputs of several sources: merged by field, and validated once, in their model."""

from __future__ import annotations

import dataclasses
import io
import json as standard_json
from datetime import UTC, date, datetime
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Json,
    RootModel,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType, TypedDict

from actionhero import (
    Cookie,
    Field,
    File,
    Header,
    Inputs,
    InvalidInput,
    MalformedRequest,
    RequestTooLarge,
    Secret,
)
from actionhero.inputs.payloads import (
    FormFields,
    JsonPayload,
    MixedPayload,
    ParsedPayload,
    TextPayload,
)
from actionhero.inputs.schema import InputSchema
from actionhero.inputs.sources import VALUE_BYTES


def mixed(type_: Any, path: Any = None, body: Any = b"", query: Any = None, **sources: Any) -> Any:
    """Return the inputs of several sources; a text stands for a list of one text."""
    path, query = ({n: [v] for n, v in (texts or {}).items()} for texts in (path, query))
    return MixedPayload(path, body, query, **sources).parse(InputSchema(type_))


def refusal(type_: Any, *arguments: Any, **sources: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        mixed(type_, *arguments, **sources)
    return raised.value


def problems(error: InvalidInput) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.type) for problem in error.problems]


# -- precedence by field ---------------------------------------------------------------------------


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    user_id: int
    full_name: str = "none"


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    user_id: int = Field(alias="userId")


class Choices(Inputs):
    user_id: int = Field(validation_alias=AliasChoices("userId", "uid", "user_id"))


class Nested(Inputs):
    user_id: int = Field(validation_alias=AliasChoices(AliasPath("user", "id"), "user_id"))
    name: str = Field(default="none", validation_alias=AliasPath("user", "name"))


class Positions(Inputs):
    user_id: int = Field(validation_alias=AliasChoices(AliasPath("ids", 0), "user_id"))
    second: int = Field(default=0, validation_alias=AliasPath("ids", 1))


@dataclasses.dataclass
class Point:
    user_id: int
    y: int = 0


class Typed(TypedDict):
    user_id: int


class ById(BaseModel):
    kind: Literal["id"] = "id"
    user_id: int = Field(alias="userId")

    model_config = ConfigDict(populate_by_name=True)


class ByMail(BaseModel):
    kind: Literal["mail"]
    mail: str


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        (Camel, b'{"userId": 99}'),
        (ByName, b'{"userId": 99}'),
        (Choices, b'{"uid": 99}'),
        (Choices, b'{"userId": 99, "user_id": 98}'),
        (Nested, b'{"user": {"id": 99, "name": "Ada"}}'),
        (Positions, b'{"ids": [99, 2]}'),
        (Point, b'{"user_id": 99}'),
        (Typed, b'{"user_id": 99}'),
        (dict[str, Any], b'{"user_id": 99}'),
        (dict[str, int], b'{"user_id": 99}'),
        (RootModel[dict[str, int]], b'{"user_id": 99}'),
        (RootModel[Camel], b'{"userId": 99}'),
        (ById | ByMail, b'{"userId": 99}'),
        (Annotated[ById | ByMail, Field(discriminator="kind")], b'{"kind": "id", "userId": 99}'),
    ],
)
@pytest.mark.parametrize("source", ["body", "query", "form", "decoded"])
def test_the_path_overrides_other_sources_by_any_name_of_the_field(
    type_: Any, body: bytes, source: str
) -> None:
    """A client cannot choose another object by an alias."""
    values = standard_json.loads(body)
    texts = {
        name: value if isinstance(value, str) else standard_json.dumps(value)
        for name, value in values.items()
    }
    match source:
        case "body":
            inputs = mixed(type_, {"user_id": "7"}, body)
        case "decoded":
            inputs = mixed(type_, {"user_id": "7"}, values)
        case "query":
            inputs = mixed(type_, {"user_id": "7"}, b"", texts)
        case _:
            inputs = mixed(type_, {"user_id": "7"}, FormFields({n: [t] for n, t in texts.items()}))

    value = inputs["user_id"] if isinstance(inputs, dict) else None
    value = (
        value or getattr(getattr(inputs, "root", inputs), "user_id", None) or inputs.root["user_id"]
    )
    assert value == ("7" if type_ == dict[str, Any] else 7)
    if type_ is Nested:
        assert inputs.name == "Ada"
    if type_ is Positions:
        assert inputs.second == 2


def test_the_body_overrides_the_query_by_any_name_of_the_field() -> None:
    """The name in the query differs from that in the body."""
    assert mixed(Camel, {}, b'{"userId": 1}', {"user_id": "2"}).user_id == 1


@pytest.mark.parametrize("type_", [Camel, ByName, Choices, RootModel[Camel], ById | ByMail])
def test_json_is_strict_beside_another_name_of_its_field_in_the_query(type_: Any) -> None:
    """The text of the query is overridden, and does not make the value of the body a text."""
    error = refusal(type_, {}, b'{"user_id": "5"}', {"userId": "1"})

    assert "int_type" in {problem.type for problem in error.problems}
    assert mixed(Camel, {}, b'{"user_id": 1}', {"userId": "2"}).user_id == 1
    assert mixed(Choices, {}, b'{"user_id": 1}', {"userId": "2"}).user_id == 1
    assert mixed(
        Nested, {}, b'{"user_id": 1}', {"user": '{"id": 2, "name": "Ada"}'}
    ) == Nested.model_validate({"user": {"id": 1, "name": "Ada"}})


def test_undeclared_names_are_merged_too() -> None:
    """In dictionaries, and in models that accept more names."""

    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        __pydantic_extra__: dict[str, int]

        id: int

    inputs = mixed(Open, {"id": "1"}, b'{"id": 2, "x": 3}', {"x": "4", "y": "5"})

    assert (inputs.id, inputs.model_extra) == (1, {"x": 3, "y": 5})
    assert problems(refusal(Open, {"id": "1"}, b'{"x": "3"}')) == [("/x", "int_type")]
    assert mixed(dict[str, Any], {"id": "1"}, b'{"id": 2, "a": [1]}', {"b": "c"}) == {
        "id": "1",
        "a": [1],
        "b": "c",
    }
    assert type(mixed(dict[str, Any], {"id": "1"}, b'{"a": 1}')["id"]) is str
    assert mixed(dict[str, list[int]], {}, b'{"a": [1]}', {"b": "2"}) == {"a": [1], "b": [2]}
    assert problems(refusal(dict[str, date], {"a": "2026-01-02"}, b'{"b": 7}')) == [
        ("/b", "date_type")
    ]


@pydantic_dataclass
class Aliased:
    user_id: int = Field(alias="userId")
    y: int = 0


def test_dataclasses_of_pydantic_have_aliases() -> None:
    """As models have."""
    schema = InputSchema(Aliased)

    assert [field.name for field in schema.fields] == ["userId", "y"]
    assert mixed(Aliased, {"userId": "7"}, b'{"userId": 8, "y": 1}') == Aliased(userId=7, y=1)


def test_unions_with_dictionaries_are_merged() -> None:
    """A member has declared names, the other one has any."""
    union: Any = ByMail | dict[str, int]

    assert mixed(union, {"kind": "mail"}, b'{"mail": "a"}') == ByMail(kind="mail", mail="a")
    assert mixed(union, {"a": "1"}, b'{"b": 2}') == {"a": 1, "b": 2}
    assert ("/b", "int_type") in problems(refusal(union, {"a": "1"}, b'{"b": "2"}'))


# -- one validation, in the model ------------------------------------------------------------------


class Watched(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    first: int = 0
    second: int = 0
    name: str = ""
    tags: list[str] = []
    calls: list[str] = []

    @field_validator("first", mode="before")
    @classmethod
    def percent(cls, value: Any) -> Any:
        return value.removesuffix("%") if isinstance(value, str) else value

    @field_validator("tags", mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        return value[0].split(",") if isinstance(value, list) and len(value) == 1 else value

    @field_validator("second")
    @classmethod
    def larger(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("first", 0):
            raise ValueError("second is smaller than first")
        return value

    @model_validator(mode="before")
    @classmethod
    def count(cls, data: Any) -> Any:
        return {**data, "calls": [*data.get("calls", []), "before"]}

    @model_validator(mode="after")
    def count_after(self) -> Watched:
        self.calls.append("after")
        return self


@pytest.mark.parametrize("body", [b"", b'{"calls": []}'], ids=["GET", "POST"])
def test_texts_are_validated_once_in_their_model(body: bytes) -> None:
    """All validators and the configuration apply, with a body and without one."""
    query = {"first": "5%", "second": "7", "name": " Ada ", "tags": "a,b"}

    inputs = mixed(Watched, {}, body, query)

    assert (inputs.first, inputs.second, inputs.name) == (5, 7, "Ada")
    assert inputs.tags == ["a", "b"]
    assert inputs.calls == ["before", "after"]
    error = refusal(Watched, {"second": "1"}, body, {"first": "5"})
    assert (error.message, error.key) == ("second is smaller than first", "second")


def test_json_stays_strict_beside_texts() -> None:
    """A validator that changes a text to a text does not change its source."""
    error = refusal(Watched, {"second": "7"}, b'{"first": "5%"}')

    assert problems(error) == [("/first", "int_type")]


class Values(BaseModel):
    ratio: float | None = None
    age: int | None = None
    day: date | None = None
    name: str = "none"
    required: int = 1
    tags: list[str] = []
    numbers: list[int] = [0]
    pages: int | list[int] = 0
    level: Literal[1, 2] = 1
    on: Literal[True] | None = None
    levels: list[Literal[1, 2]] = []
    json_: Json[list[int]] = Field(default=[], alias="json")


@pytest.mark.parametrize("body", [b"", b'{"required": 2}'], ids=["GET", "POST"])
@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "1e400"])
def test_texts_are_no_infinite_numbers(text: str, body: bytes) -> None:
    """Models that accept them from Python included."""
    error = refusal(Values, {}, body, {"ratio": text})

    assert problems(error) == [("/ratio", "finite_number")]
    assert error.value == text


class Size(Enum):
    SMALL = 1
    LARGE = 2.5
    OTHER = "1"


class Level(IntEnum):
    LOW = 1


class Sized(Inputs):
    size: Size = Size.SMALL
    level: Level | None = None
    levels: list[Level] = []


class One(BaseModel):
    version: Literal[1]
    a: int


class Two(BaseModel):
    version: Literal[2]
    b: int


VERSIONS: Any = Annotated[One | Two, Field(discriminator="version")]


@pytest.mark.parametrize("body", [b"", b'{"required": 2}'], ids=["GET", "POST"])
@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Values, {"level": "2"}, 2),
        (Values, {"on": "true"}, True),
        (Values, {"on": "1"}, True),
        (Values, {"levels": "2"}, [2]),
        (Values, {"json": "[1, 2]"}, [1, 2]),
        (Values, {"numbers": "[1, 2]"}, [1, 2]),
        (Values, {"pages": "7"}, 7),
        (Values, {"pages": "[7]"}, [7]),
        (Values, {"age": ""}, None),
        (Values, {"day": ""}, None),
        (Values, {"name": ""}, ""),
        (Values, {"tags": ""}, [""]),
        (Values, {"tags": "[1]"}, ["[1]"]),
        (Values, {"numbers": ""}, [0]),
        (Values, {"level": ""}, 1),
        (Values, {"json": ""}, []),
        (Sized, {"size": "1"}, Size.OTHER),
        (Sized, {"size": "2.5"}, Size.LARGE),
        (Sized, {"level": "1"}, Level.LOW),
        (Sized, {"levels": "1"}, [Level.LOW]),
    ],
)
def test_texts_of_any_type(type_: Any, text: dict[str, str], value: Any, body: bytes) -> None:
    """Texts mean the same, alone and beside JSON; empty ones are absent, except in texts."""
    (name,) = text
    attribute = {"json": "json_"}.get(name, name)

    for path, query in ((text, {}), ({}, text)):
        assert getattr(mixed(type_, path, body, query), attribute) == value


def test_empty_texts_of_required_inputs_are_missing() -> None:
    """The message is that of an absent input."""

    class Required(Inputs):
        age: int
        numbers: list[int]

    error = refusal(Required, {"age": ""}, b"", {"numbers": ""})

    assert error.message == "Missing required param: age"
    assert problems(error) == [("/age", "missing"), ("/numbers", "missing")]
    assert mixed(Required, {}, b"", {"age": "1"} | {"numbers": "2"}).numbers == [2]


def test_tags_of_unions_are_read_from_texts() -> None:
    """The tag of a discriminated union may be a number."""
    assert mixed(VERSIONS, {"version": "2"}, b"", {"b": "7"}) == Two(version=2, b=7)
    assert mixed(VERSIONS, {"version": "2"}, b'{"b": 7}') == Two(version=2, b=7)
    assert mixed(VERSIONS, {}, b'{"version": 1, "a": 3}', {"b": "7"}) == One(version=1, a=3)
    assert problems(refusal(VERSIONS, {"version": "2"}, b'{"b": "7"}')) == [("/b", "int_type")]


class Tree(BaseModel):
    value: int
    born: date | None = None
    children: list[Tree] = []


def test_recursive_models_are_merged() -> None:
    """Texts are coerced at the top, JSON is strict at any depth."""
    body = b'{"children": [{"value": 2, "born": "2026-01-02", "children": [{"value": 3}]}]}'

    tree = mixed(Tree, {"value": "1"}, body, {"born": "2026-01-01"})

    assert tree.children[0].born == date(2026, 1, 2)
    assert (tree.value, tree.children[0].children[0].value) == (1, 3)
    error = refusal(Tree, {"value": "1"}, b'{"children": [{"value": "2"}]}')
    assert problems(error) == [("/children/0/value", "int_type")]
    assert mixed(Tree, {"value": "1"}, b"", {"children": '[{"value": "2"}]'}).children[0].value == 2


def test_strict_models_read_texts() -> None:
    """A text in a path has no other type; JSON is strict anyway."""

    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)

        id: int
        day: date | None = None

    assert mixed(Strict, {"id": "1"}, b'{"day": "2026-01-02"}').day == date(2026, 1, 2)
    assert mixed(Strict, {"id": "1"}).id == 1


# -- numbers and texts of JSON ---------------------------------------------------------------------


class Numbers(BaseModel):
    number: int = 0
    numbers: list[int] = []
    tree: Tree | None = None
    level: Literal[1, 2] = 1
    size: Size = Size.SMALL
    secret: Secret[int] = 0
    either: int | str = 0
    ratio: float = 0.0
    anything: Any = None


READERS: dict[str, Any] = {
    "bytes": lambda values: JsonPayload(to_json(values)).parse(InputSchema(Numbers)),
    "parsed": lambda values: ParsedPayload(values).parse(InputSchema(Numbers)),
    "mixed": lambda values: mixed(Numbers, {}, to_json(values), {"ratio": "2"}),
    "decoded": lambda values: mixed(Numbers, {}, values, {"ratio": "2"}),
}


def to_json(values: Any) -> bytes:
    return standard_json.dumps(values).encode()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("values", "value"),
    [
        ({"number": 436.0}, 436),
        ({"number": -0.0}, 0),
        ({"number": 4e2}, 400),
        ({"number": 1e18}, 10**18),
        ({"number": -1.25e19}, -125 * 10**17),
        ({"numbers": [1, 2.0]}, [1, 2]),
        ({"level": 2.0}, 2),
        ({"size": 1.0}, Size.SMALL),
        ({"secret": 5.0}, 5),
        ({"either": 5.0}, 5),
        ({"anything": 1.0, "number": 2}, 1.0),
    ],
)
def test_floats_without_fraction_are_integers(reader: str, values: Any, value: Any) -> None:
    """As in JSON Schema."""
    inputs = READERS[reader](values)

    result = getattr(inputs, next(iter(values)))
    assert (result, type(result)) == (value, type(value))


def test_floats_without_fraction_are_integers_at_any_depth() -> None:
    """In objects and lists inside the inputs; the values of the transport are not changed."""
    values: dict[str, Any] = {
        "tree": {"value": 1.0, "children": [{"value": 2.0}]},
        "numbers": [3.0],
    }

    for reader in READERS.values():
        assert reader(values).tree.children[0].value == 2
    assert isinstance(values["numbers"][0], float)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("number", [436.5, 1e20, 1e300, -1e300, 2.0**53, 2.0**60])
def test_other_floats_are_no_integers(reader: str, number: float) -> None:
    """A fraction, and a float that does not identify an integer."""
    with pytest.raises(InvalidInput) as raised:
        READERS[reader]({"numbers": [1, number]})

    assert raised.value.problems[0].pointer == "/numbers/1"
    assert raised.value.key == "numbers"


@pytest.mark.parametrize(
    ("json", "pointer", "type_"),
    [
        (b'{"anything": "a\\u0000"}', "/anything", "nul"),
        (b'{"either": "\\ud800"}', "/either", "lone_surrogate"),
        (b'{"either": "a\\udc00b"}', "/either", "lone_surrogate"),
        (b'{"ratio": 1e400}', "/ratio", "number_out_of_range"),
        (b'{"anything": [{"a/b": -1e999}]}', "/anything/0/a~1b", "number_out_of_range"),
        (b'{"number": %s}' % (b"9" * 5000), "/number", "number_out_of_range"),
        (b'{"anything": {"a\\u0000": 1}}', "/anything/a\0", "nul"),
        (b'{"more": "\\u0000"}', "/more", "nul"),
        (b'{"secret": "\\u0000"}', "/secret", "nul"),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"ratio": "2"}], ids=["alone", "mixed"])
def test_unsupported_values_are_input_errors(
    json: bytes, pointer: str, type_: str, beside: dict[str, str]
) -> None:
    """They are valid JSON, and no database stores them."""
    error = refusal(Numbers, {}, json, beside)

    assert problems(error) == [(pointer, type_)]
    assert error.key == pointer.split("/")[1]
    assert repr(error.value) == "ABSENT"
    if not beside:
        with pytest.raises(InvalidInput) as raised:
            JsonPayload(json).parse(InputSchema(Numbers))
        assert raised.value.problems == error.problems


@pytest.mark.parametrize("text", ["a\0", "\ud800"])
def test_unsupported_texts_are_input_errors(text: str) -> None:
    """From every source, and inside JSON in a text."""
    every_source: list[Any] = [
        ({"name": text},),
        ({}, FormFields({"name": [text]})),
        ({}, b"", {"name": text}),
    ]
    for sources in every_source:
        assert refusal(Values, *sources).key == "name"
    inner = '{"value": 1, "x": "\\u0000"}'
    assert problems(refusal(Numbers, {}, b"", {"tree": inner})) == [("/tree/x", "nul")]
    with pytest.raises(InvalidInput, match="Input contains"):
        ParsedPayload({"anything": {"a": [text]}}).parse(InputSchema(Numbers))


def test_values_of_decoders_are_validated_like_json() -> None:
    """A decoder of another format may return values that JSON does not have."""
    assert mixed(Values, {}, {"ratio": 1.5, "numbers": [1]}, {"age": "3"}).age == 3
    assert refusal(Values, {}, {"numbers": [b"1"]}, {}).key == "numbers"
    assert refusal(Values, {}, {"ratio": float("nan")}).key == "ratio"


# -- forms -----------------------------------------------------------------------------------------


def file(content: bytes, name: str = "blob", content_type: str = "application/json") -> File:
    return File(name, content_type, len(content), io.BytesIO(content))


class Upload(Inputs):
    picture: File | None = None
    pictures: list[File] = []
    tree: Tree | None = None
    numbers: list[int] = []
    tags: list[str] = []
    labels: dict[str, int] = {}
    name: str = "none"
    data: bytes = b""
    age: int | None = None


def form(**fields: Any) -> Any:
    return FormFields({n: v if isinstance(v, list) else [v] for n, v in fields.items()})


def test_parts_of_fields_that_are_no_files_are_their_content() -> None:
    """Clients send objects and lists as files with JSON."""
    upload = mixed(
        Upload,
        {},
        form(
            tree=file(b'{"value": 1}'),
            numbers=file(b"[1, 2]"),
            tags=file(b'["a", "b"]'),
            labels=file(b'{"a": 1}', content_type="application/json; charset=utf-8"),
            name=file("Zoë".encode(), "name.txt", "text/plain"),
            data=file(b"\xff\x00"),
            age=file(b"7"),
        ),
    )

    assert upload.tree == Tree(value=1)
    assert (upload.numbers, upload.tags, upload.labels) == ([1, 2], ["a", "b"], {"a": 1})
    assert (upload.name, upload.data, upload.age) == ("Zoë", b"\xff\x00", 7)
    assert mixed(Upload, {}, form(tags=[file(b'"a"', "x", "text/plain"), "b"])).tags == ['"a"', "b"]


def test_contents_that_are_no_text_are_input_errors() -> None:
    """Not UTF-8, or too large to be a value."""
    assert refusal(Upload, {}, form(name=file(b"\xff"))).problems[0].type == "lone_surrogate"
    with pytest.raises(RequestTooLarge):
        mixed(Upload, {}, form(name=file(b"a" * (VALUE_BYTES + 1))))


def test_no_chosen_file_is_absent() -> None:
    """Browsers send an empty part without a file name."""
    empty = file(b"", "", "application/octet-stream")
    picture = file(b"", "a.png", "image/png")

    upload = mixed(Upload, {}, form(picture=empty, pictures=[empty, picture], name=empty))

    assert (upload.picture, upload.pictures, upload.name) == (None, [picture], "none")
    assert mixed(Upload, {}, form(pictures=empty)).pictures == []
    assert mixed(Upload, {}, form(picture="")).picture is None


def test_files_of_some_names_are_parsed() -> None:
    """A transport limits their size as that of texts."""

    class Upload(Inputs):
        picture: File | None = None
        pictures: list[File] = []
        either: File | str = ""
        anything: Any = None
        text: str = ""
        numbers: list[int] = []
        content: bytes = b""

    class Open(Upload):
        model_config = ConfigDict(extra="allow")
        __pydantic_extra__: dict[str, int]

    names = [*Upload.model_fields, "other"]

    assert list(filter(InputSchema(Upload).is_parsed, names)) == ["text", "numbers", "content"]
    assert InputSchema(Open).is_parsed("other")


def test_a_file_that_no_field_reads_is_not_read() -> None:
    """Its content may be large."""

    class Closed(Inputs):
        text: str

    large = file(b"a" * (VALUE_BYTES + 1))

    assert not InputSchema(Closed).is_parsed("other")
    assert mixed(Closed, {}, form(text="a", other=large)).text == "a"


# -- texts of JSON ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "type_of_error"),
    [
        (r'["\u0000"]', "nul"),
        (r'["\ud800"]', "lone_surrogate"),
        ('{"a": [1e400]}', "number_out_of_range"),
        ("[NaN]", "json_invalid"),
        ("[-Infinity]", "json_invalid"),
        ("[" * 65 + "]" * 65, "json_invalid"),
        ("[" * 100_000, "json_invalid"),
        ("[1,", "json_invalid"),
        ("", "json_invalid"),
    ],
)
def test_texts_of_json_are_read_like_the_document(text: str, type_of_error: str) -> None:
    """From all sources."""

    class Encoded(Inputs):
        content: Json[Any]

    document = to_json({"content": text})

    assert problems(refusal(Encoded, None, document)) == [("/content", type_of_error)]
    assert problems(refusal(Encoded, {"content": text}))[0][1] in {type_of_error, "missing"}
    with pytest.raises(InvalidInput) as raised:
        JsonPayload(document).parse(InputSchema(Encoded))
    assert problems(raised.value) == [("/content", type_of_error)]


def test_valid_texts_of_json_are_parsed() -> None:
    class Encoded(Inputs):
        content: Json[list[int]] | None = None
        either: Json[list[int]] | str = ""

    schema = InputSchema(Encoded)

    assert JsonPayload(b'{"content": "[1, 2]"}').parse(schema).content == [1, 2]
    assert TextPayload({"content": ["[1, 2]"]}).parse(schema).content == [1, 2]
    assert JsonPayload(b'{"content": null}').parse(schema).content is None
    assert JsonPayload(b'{"either": "[1, 2]"}').parse(schema).either == [1, 2]
    assert JsonPayload(b'{"either": "["}').parse(schema).either == "["


@pytest.mark.parametrize(
    "name",
    ["cls", "config", "default", "expected", "function", "members", "metadata", "serialization",
     "type"],
)  # fmt: skip
def test_a_field_may_have_the_name_of_a_key_of_schemas(name: str) -> None:
    """Or a tag; its type is read as that of any other: texts of JSON, digits, numbers of JSON."""

    def model(type_: Any, name: str = name, **fields: Any) -> Any:
        declared: dict[str, Any] = {**fields, name: (type_, ...)}
        return create_model("Model", __base__=Inputs, **declared)

    by_kind = model(int, "count", kind=Literal[name]) | model(int, "count", kind=Literal["b"])
    tagged = model(Annotated[by_kind, Field(discriminator="kind")], "choice")
    nested = model(model(int), "inner")
    query = {"other": "1"}

    error = refusal(model(Annotated[Any, Json]), None, to_json({name: r'"\u0000"'}))
    assert problems(error) == [(f"/{name}", "nul")]
    assert problems(refusal(model(int), {name: "1_0"})) == [(f"/{name}", "int_parsing")]
    for value in ("1", b"1"):
        error = refusal(nested, None, {"inner": {name: value}}, query)
        assert problems(error) == [(f"/inner/{name}", "int_type")]
        error = refusal(tagged, None, {"choice": {"kind": name, "count": value}}, query)
        assert problems(error)[0][1] == "int_type"


# -- decoders of plugins ---------------------------------------------------------------------------


class Text(str):
    """A text as parsers of XML return it."""

    def __str__(self) -> str:
        return "another text"


class Whole(int):
    """A number that remembers how it was written, as parsers of YAML return it."""


class Ratio(float):
    """The same, with a fraction."""


def test_values_of_decoders_may_be_of_subclasses_of_those_of_json() -> None:
    """They are texts and numbers like any others."""

    class Decoded(Inputs):
        level: Level
        size: Size
        day: date
        days: list[date]
        ratio: float
        name: str

    day = Text("2020-01-01")
    values = {
        "level": Whole(1),
        "size": Ratio(2.5),
        "day": day,
        "days": [day],
        "ratio": Ratio(0.5),
        "name": Text("Ada"),
    }

    decoded = mixed(Decoded, None, values, {"other": "1"})

    assert (decoded.level, decoded.size, decoded.ratio) == (Level.LOW, Size.LARGE, 0.5)
    assert decoded.day == decoded.days[0] == date(2020, 1, 1)
    assert (decoded.name, type(decoded.name)) == ("Ada", str)


@pytest.mark.parametrize(
    ("type_", "value", "type_of_error"),
    [
        (int, b"12", "int_type"),
        (bool, b"true", "bool_type"),
        (str, b"a", "string_type"),
        (str, b"a\0b", "string_type"),
        (date, b"2020-01-01", "date_type"),
        (list[float], (float("nan"),), "number_out_of_range"),
        (list[str], ("a\0",), "nul"),
        (list[date | str], [b"a\0"], "nul"),
        (list[int], [b"12"], "int_type"),
        (dict[str, set[float]], {"a": {float("inf")}}, "number_out_of_range"),
    ],
)
def test_values_of_decoders_are_validated_as_strictly_as_those_of_json(
    type_: Any, value: Any, type_of_error: str
) -> None:
    """Other values than those of JSON are no texts that are converted."""

    class Decoded(Inputs):
        x: type_

    class Open(Decoded):
        model_config = ConfigDict(extra="allow")
        __pydantic_extra__: dict[str, type_]

    for inputs_type in (Decoded, Open):
        for more in ({}, {"query": {"page": "1"}}):
            error = refusal(inputs_type, None, {"x": value}, **more)
            assert problems(error)[0][1] == type_of_error
    assert problems(refusal(Open, None, {"x": value, "y": value}))[-1][0].startswith("/y")


def test_values_of_decoders_may_be_of_other_types_than_those_of_json() -> None:
    class Decoded(Inputs):
        content: bytes
        at: datetime
        numbers: list[int]
        names: set[str]
        contents: list[bytes]
        anything: Any

    values = {
        "content": b"\xff\0",
        "at": datetime(2020, 1, 1, tzinfo=UTC),
        "numbers": (1, 2),
        "names": frozenset({"a"}),
        "contents": [b"a\\u0000"],
        "anything": b"\0",
    }
    assert mixed(Decoded, None, values).model_dump() == {**values, "numbers": [1, 2]}


class Chain(Inputs):
    next: Chain | None = None
    items: list[Any] = []
    after: Annotated[int, AfterValidator(lambda value: value)] = 0


@pytest.mark.parametrize("name", ["next", "items"])
def test_values_of_decoders_are_nested_as_deep_as_json(name: str) -> None:
    """64 levels, and with any more the request is malformed, not an error of the server."""

    def nested(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in range(levels - 1):
            value = {name: value if name == "next" else [value]}
        return value

    fitting, deepest = (64, 65) if name == "next" else (32, 33)

    assert mixed(Chain, None, nested(fitting))
    for levels in (deepest, 1000, 100_000):
        with pytest.raises(MalformedRequest, match="nested deeper than 64 levels"):
            mixed(Chain, None, nested(levels))


# -- headers and cookies ---------------------------------------------------------------------------


class Requested(Inputs):
    token: Annotated[str, Header("X-Token")]
    request_ids: Annotated[list[int], Header()] = []
    theme: Annotated[Literal[1, 2] | None, Cookie("theme")] = None
    key: Annotated[Secret[str], Header("X-Key")] = ""
    name: str = "none"


def test_headers_and_cookies_are_sources_of_inputs() -> None:
    """Converted like any text; undeclared names default to that of the input."""
    schema = InputSchema(Requested)
    assert schema.header_names == {"X-Token", "request-ids", "X-Key"}
    assert schema.cookie_names == {"theme"}

    payload = MixedPayload(
        {},
        b'{"name": "Ada"}',
        {},
        headers={"X-Token": ["abc"], "request-ids": ["1", "2"]},
        cookies={"theme": ["2"]},
    )
    inputs = payload.parse(schema)

    assert (inputs.token, inputs.request_ids, inputs.theme) == ("abc", [1, 2], 2)
    assert payload.preview() == {
        "name": "Ada",
        "token": "abc",
        "request_ids": ["1", "2"],
        "theme": "2",
    }


@pytest.mark.parametrize(
    ("headers", "items"),
    [
        (["a"], ["a"]),
        (["a, b"], ["a", "b"]),
        (["a,b", "c"], ["a", "b", "c"]),
        (["a,, ,\tb ,"], ["a", "b"]),
        (['"a,b", c'], ['"a,b"', "c"]),
        (['"a\\",b", c'], ['"a\\",b"', "c"]),
        (['"a, b'], ['"a, b']),
        (["[::1], [::2]"], ["[::1]", "[::2]"]),
        (["a], b"], ["a]", "b"]),
        ([""], ["default"]),
        ([" , "], ["default"]),
    ],
)
def test_lists_in_headers_are_split_at_their_commas(headers: list[str], items: list[str]) -> None:
    """A proxy may combine several headers to one; text in quotes or brackets is one item."""

    class Tagged(Inputs):
        tags: Annotated[list[str], Header("X-Tags")] = ["default"]

    assert mixed(Tagged, {}, headers={"X-Tags": headers}, cookies={}).tags == items


def test_numbers_in_headers_are_split_or_an_array() -> None:
    class Numbered(Inputs):
        ids: Annotated[list[int] | None, Header("X-Ids")] = None
        note: Annotated[str, Header("X-Note")] = ""

    headers = {"X-Ids": ["1, 2"], "X-Note": ["a, b"]}
    inputs = mixed(Numbered, {}, headers=headers, cookies={})

    assert (inputs.ids, inputs.note) == ([1, 2], "a, b")
    assert mixed(Numbered, {}, headers={"X-Ids": ["[1, 2]"]}, cookies={}).ids == [1, 2]


@pytest.mark.parametrize("source", [Header, Cookie])
def test_sources_without_parentheses_have_the_name_of_the_input(source: type[Any]) -> None:
    """Otherwise the body could set the input, without a word."""

    class Marked(Inputs):
        user: Annotated[str, source] = "none"

    from_header = mixed(Marked, {}, headers={"user": ["ada"]}, cookies={"user": ["ada"]})

    assert from_header.user == "ada"
    assert mixed(Marked, {"user": "eve"}, headers={}, cookies={}).user == "none"


UserAlias = TypeAliasType("UserAlias", Annotated[str, Header("X-User")])


class ExtendedTypedDict(TypedDict, total=False):
    user: Annotated[str, Header("X-User")]


class User(Inputs):
    user: UserAlias = "none"


@dataclasses.dataclass
class OptionalUser:
    user: Annotated[str, Header("X-User")] | None = None


class NestedMark(Inputs):
    user: Annotated[UserAlias, Field(max_length=9)] = "none"


@pytest.mark.parametrize(
    "type_",
    [
        User,
        ExtendedTypedDict,
        OptionalUser,
        NestedMark,
        User | None,
        Annotated[User, Field(description="A user.")],
        TypeAliasType("Alias", User),
        RootModel[User],
    ],
    ids=str,
)
def test_headers_are_found_in_all_spellings(type_: Any) -> None:
    """A body cannot replace one of them either."""
    schema = InputSchema(type_)
    payload = MixedPayload({}, b'{"user": "forged"}', {}, headers={"X-User": ["Ada"]}, cookies={})
    without = MixedPayload({}, b'{"user": "forged"}', {}, headers={}, cookies={})

    assert schema.header_names == {"X-User"}
    assert "Ada" in str(payload.parse(schema))
    assert "forged" not in str(without.parse(schema))


def test_one_header_is_the_source_of_several_inputs() -> None:
    class Both(Inputs):
        text: Annotated[str, Header("X-Ids")]
        ids: Annotated[list[int], Header("X-Ids")]

    inputs = mixed(Both, {}, headers={"X-Ids": ["1, 2"]}, cookies={})

    assert (inputs.text, inputs.ids) == ("1, 2", [1, 2])


@pytest.mark.parametrize("source", ["path", "body", "form", "decoded", "query"])
def test_headers_come_from_nowhere_else(source: str) -> None:
    """A body or a link cannot replace a header over HTTP."""
    value: Any = {"token": "forged", "theme": "1"}
    sources = {
        "path": (value,),
        "body": ({}, to_json({"token": "forged", "theme": 1})),
        "form": ({}, form(**value)),
        "decoded": ({}, {"token": "forged", "theme": 1}),
        "query": ({}, b"", value),
    }[source]

    error = refusal(Requested, *sources, headers={}, cookies={})

    assert problems(error) == [("/token", "missing")]
    assert mixed(Requested, *sources, headers={"X-Token": ["a"]}, cookies={}).theme is None


def test_headers_are_inputs_like_others_without_http() -> None:
    """Jobs, messages and command lines have no headers."""
    schema = InputSchema(Requested)

    assert JsonPayload(b'{"token": "abc"}').parse(schema).token == "abc"
    assert TextPayload({"token": ["abc"]}).parse(schema).token == "abc"


def test_secret_headers_are_hidden() -> None:
    """In errors and in logs."""
    schema = InputSchema(Requested)
    payload = MixedPayload({}, b"", {}, headers={"X-Key": ["hunter2"], "request-ids": ["x"]})

    with pytest.raises(InvalidInput):
        payload.parse(schema)

    assert "key" in schema.sensitive_names
    assert schema.redact_payload(payload.preview())["key"] == "[redacted]"
