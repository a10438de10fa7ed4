"""Names and contents of schemas: the accepted inputs and the results, by the letter."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

import pytest
from aiohttp.web import Response
from openapi_spec_validator import validate
from pydantic import (
    AliasChoices,
    AliasPath,
    ConfigDict,
    JsonValue,
    RootModel,
    SecretStr,
    computed_field,
    create_model,
)
from pydantic.alias_generators import to_camel

from actionhero import Action, Call, Cookie, Field, Header, Inputs, Middleware, Secret, Stream
from actionhero_openapi import Operation, breaking_changes
from actionhero_openapi.ecma_patterns import ecma_pattern
from actionhero_web import Route, Routes

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf


class Book(Inputs):
    """A book."""

    title: str
    pages: int = 1


class Price(Inputs):
    """Different as an input and as a result."""

    amount: Decimal

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_free(self) -> bool:
        """Whether it costs nothing."""
        return not self.amount


class Shelf(Inputs):
    books: list[Book] = []
    price: Price | None = None


class ListBooks(Action):
    """List the books."""

    name = "book:list"
    web = "GET /books"

    async def run(self) -> list[Book]:
        return []


class AddShelf(Action):
    """Add a shelf; its name precedes the other one."""

    name = "a:shelf"
    web = "POST /shelf"

    async def run(self, inputs: Shelf) -> Shelf:
        return inputs


def action_with(inputs_type: Any, route: Any = "POST /it", **attributes: Any) -> type[Action]:
    """Return an action with these inputs."""

    class Generated(Action):
        name = "it"
        web = route

        async def run(self, inputs: inputs_type) -> None: ...

    for key, value in attributes.items():
        setattr(Generated, key, value)
    return Generated


def properties_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of the body of the generated action."""
    schema: dict[str, Any] = document["components"]["schemas"]["it_Request"]
    return dict(schema["properties"])


# --- names --------------------------------------------------------------------------------------


def test_another_action_does_not_change_the_names_of_schemas(document_of: DocumentOf) -> None:
    """Not even one that uses a model as an input, and precedes it in the order of names."""
    before, after = document_of(ListBooks), document_of(ListBooks, AddShelf)

    assert set(before["components"]["schemas"]) <= set(after["components"]["schemas"])
    assert "Book" in before["components"]["schemas"]
    assert (
        after["paths"]["/books"]["get"]["responses"]["200"]
        == before["paths"]["/books"]["get"]["responses"]["200"]
    )


def test_inputs_and_results_of_a_model_have_two_names_if_they_differ(
    document_of: DocumentOf,
) -> None:
    """And one name otherwise; a model that contains such a model differs too."""
    schemas = document_of(AddShelf)["components"]["schemas"]

    assert {"Book", "Price-Input", "Price-Output", "Shelf-Output"} <= set(schemas)
    assert "Price" not in schemas
    assert "is_free" not in schemas["Price-Input"]["properties"]
    assert "is_free" in schemas["Price-Output"]["properties"]
    assert schemas["a_shelf_Request"]["properties"]["books"]["items"] == {
        "$ref": "#/components/schemas/Book"
    }


class Tree(Inputs):
    """A recursive model."""

    name: str
    children: list[Tree] = []
    other: Branch | None = None


class Branch(Inputs):
    """A model that refers to the one that refers to it."""

    tree: Tree


class PricedTree(Inputs):
    """A recursive model that differs."""

    price: Price
    children: list[PricedTree] = []


def test_recursive_models_have_one_name(document_of: DocumentOf) -> None:
    """Unless they contain something that differs."""

    class Grow(Action):
        name = "grow"
        web = "POST /grow"

        async def run(self, inputs: Branch) -> list[Tree]:
            return []

    class Sell(Action):
        name = "sell"
        web = "GET /sell"

        async def run(self) -> PricedTree:
            raise NotImplementedError

    schemas = document_of(Grow, Sell)["components"]["schemas"]

    assert {"Tree", "Branch", "PricedTree-Output"} <= set(schemas)
    assert not {"Tree-Input", "Tree-Output", "PricedTree"} & set(schemas)
    assert schemas["Tree"]["properties"]["children"]["items"] == {
        "$ref": "#/components/schemas/Tree"
    }


@pytest.mark.parametrize("reverse", [False, True])
def test_two_models_with_one_name_have_the_names_of_their_modules(
    document_of: DocumentOf, reverse: bool
) -> None:
    """The order of the actions makes no difference."""
    actions = []
    for number, (module, type_) in enumerate([("shop.models", int), ("lib.models", str)]):
        namespace = {"__annotations__": {"value": type_}, "__module__": module}
        item = type("Item", (Inputs,), namespace)

        class Show(Action):
            name = f"show:{9 - number if reverse else number}"
            web = f"GET /{module}"

            async def run(self) -> item:  # type: ignore[valid-type]
                raise NotImplementedError

        actions.append(Show)

    schemas = document_of(*actions)["components"]["schemas"]

    assert schemas["shop__models__Item"]["properties"]["value"]["type"] == "integer"
    assert schemas["lib__models__Item"]["properties"]["value"]["type"] == "string"
    assert "Item" not in schemas


def test_a_model_may_have_the_name_of_the_error_document(document_of: DocumentOf) -> None:
    """The error document keeps its name."""

    class Error(Inputs):
        reason: str

    class Show(Action):
        name = "show"
        web = "GET /show"

        async def run(self) -> Error:
            return Error(reason="x")

    schemas = document_of(Show)["components"]["schemas"]

    assert set(schemas["Error"]["properties"]) == {"error"}
    assert set(schemas["ErrorModel"]["properties"]) == {"reason"}


def test_renamed_schemas_are_breaking_changes(document_of: DocumentOf) -> None:
    """Generators of clients name types after them."""
    new = document_of(ListBooks)
    old = {**new, "components": {**new["components"]}}
    old["components"]["schemas"] = {
        "Novel" if name == "Book" else name: {
            **schema,
            **({"items": {"$ref": "#/components/schemas/Novel"}} if "items" in schema else {}),
        }
        for name, schema in new["components"]["schemas"].items()
    }

    assert breaking_changes(new, new) == []
    assert [tuple(change) for change in breaking_changes(old, new)] == [
        ("*", "schema Novel", "was renamed to 'Book'")
    ]


# --- contents -----------------------------------------------------------------------------------


def test_the_defaults_of_secrets_are_not_published(document_of: DocumentOf) -> None:
    """Also inside of other values."""

    class Login(Inputs):
        password: Secret[str] = "hunter2"

    class Secrets(Inputs):
        one: Secret[str] = "hunter2"
        two: SecretStr = SecretStr("hunter2")
        three: Login = Login()
        four: list[SecretStr] = [SecretStr("hunter2")]
        five: str = "public"

    properties = properties_of(document_of(action_with(Secrets)))

    assert [name for name, schema in properties.items() if "default" in schema] == ["five"]


def test_results_have_the_values_that_are_sent(document_of: DocumentOf) -> None:
    """Secrets, without their defaults, and null for an infinity."""

    class Token(Inputs):
        token: Secret[str] = "hunter2"
        pin: Secret[int] = 42
        limit: float = float("inf")

    class Issue(Action):
        name = "it"
        web = "POST /token"

        async def run(self, inputs: Token) -> Token:
            return inputs

    schemas = document_of(Issue)["components"]["schemas"]

    assert schemas["it_Request"]["properties"]["pin"]["writeOnly"] is True
    assert schemas["Token-Output"]["properties"] == {
        "token": {"type": "string", "format": "password", "writeOnly": False},
        "pin": {"type": "integer", "writeOnly": False},
        "limit": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    }


def test_defaults_that_json_does_not_have_are_omitted(document_of: DocumentOf) -> None:
    """An infinite default is not null."""

    class Numbers(Inputs):
        one: float = float("inf")
        two: list[float] = [float("nan")]
        three: float = 0.5

    properties = properties_of(document_of(action_with(Numbers)))

    assert [name for name, schema in properties.items() if "default" in schema] == ["three"]


def test_enumerated_integers_have_no_limits(document_of: DocumentOf) -> None:
    """Other integers have those of 64 bits, and other texts exclude NUL."""

    class Level(IntEnum):
        LOW = 1
        HIGH = 2

    class Mixed(Enum):
        ONE = 1
        TWO = "two"

    class Values(Inputs):
        level: Level
        mixed: Mixed
        one: Literal[1]
        some: Literal[1, 2]
        free: int
        text: str
        day: date

    document = document_of(action_with(Values))
    properties = properties_of(document)
    schemas = document["components"]["schemas"]

    for schema in (schemas["Level"], properties["one"], properties["some"]):
        assert not {"minimum", "maximum", "format"} & schema.keys()
    assert schemas["Mixed"]["anyOf"] == [
        {"type": "integer", "enum": [1]},
        {"type": "string", "enum": ["two"]},
    ]
    assert properties["free"]["maximum"] == 2**63 - 1
    assert properties["text"]["pattern"] == "^[^\\u0000]*$"
    assert "pattern" not in properties["day"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^[0-9a-f]{12}\.(png|jpg)$", r"^[0-9a-f]{12}\.(png|jpg)$"),
        (r"(?P<y>\d{4})-(?P=y)", r"(?<y>\d{4})-\k<y>"),
        (r"\A\w+\Z", r"^\w+$"),
        (r"\w\z", r"\w$"),
        (r"[^\]\-_@]+\@\-\_\ \'", r"[^\]\-_@]+@-_ '"),
        (r"[]a][^]b]", r"[\]a][^\]b]"),
        (r"x{,3}a{b]", r"x{0,3}a\{b\]"),
        (r"\x{41}\U0001F600\x41", r"\u{41}\u{1F600}\x41"),
        (r"\p{L}+\pN\P{Script=Greek}", r"\p{L}+\p{N}\P{Script=Greek}"),
        (r"(?:a|b)(?=c)(?!d)(?<=e)(?<!f)", r"(?:a|b)(?=c)(?!d)(?<=e)(?<!f)"),
        (r"(?i)abc", None),
        (r"(?>a)b", None),
        (r"a++", None),
        (r"a{2}+", None),
        (r"[[:alpha:]]", None),
        (r"[a-z&&[^b]]", None),
        (r"\<b\>", None),
    ],
)
def test_patterns_have_the_syntax_of_ecma(pattern: str, expected: str | None) -> None:
    """Patterns without an equivalent are omitted."""
    assert ecma_pattern(pattern) == expected


def test_the_minimum_number_of_inputs_requires_a_body(document_of: DocumentOf) -> None:
    """Of the configuration of the model."""

    class Changes(Inputs):
        model_config = ConfigDict(json_schema_extra={"minProperties": 1})

        title: str = ""

    document = document_of(action_with(Changes))

    assert document["components"]["schemas"]["it_Request"]["minProperties"] == 1
    assert document["paths"]["/it"]["post"]["requestBody"]["required"] is True


def model(name: str, **types: Any) -> Any:
    """Return a model of inputs with fields of these types."""
    fields: dict[str, Any] = {field: (type_, ...) for field, type_ in types.items()}
    return create_model(name, __base__=Inputs, **fields)


TAGS = ["properties", "$defs", "prefixItems", "items", "default", "enum", "$ref", "writeOnly"]


@pytest.mark.parametrize("tag", TAGS)
def test_tags_may_be_keywords_of_schemas(document_of: DocumentOf, tag: str) -> None:
    """The keys of a discriminator are data; pydantic itself fails at `$defs`."""
    other = "default" if tag == "writeOnly" else "writeOnly"
    first = model("First", kind=Literal[tag])
    second = model("Second", kind=Literal[other], price=Price)
    holder = model("Holder", item=Annotated[first | second, Field(discriminator="kind")])

    class Show(action_with(holder)):  # type: ignore[misc]
        async def run(self, inputs: holder) -> holder: ...  # type: ignore[valid-type]

    document = document_of(Show)
    schemas = document["components"]["schemas"]

    validate(document)
    for name, mode in (("it_Request", "Input"), ("Holder-Output", "Output")):
        item = schemas[name]["properties"]["item"]
        references = [each["$ref"] for each in item["oneOf"]]
        assert references == [
            "#/components/schemas/First",
            f"#/components/schemas/Second-{mode}",
        ]
        if tag == "$defs":
            assert "discriminator" not in item
        else:
            mapping = dict(zip((tag, other), references, strict=True))
            assert item["discriminator"] == {"propertyName": "kind", "mapping": mapping}
    assert schemas["First"]["properties"]["kind"]["const"] == tag


def test_data_in_schemas_is_unchanged(document_of: DocumentOf) -> None:
    """Its keys may be those of schemas; properties may have these names too."""
    data: dict[str, Any] = {
        "properties": 1, "prefixItems": 2, "enum": 3, "pattern": "(?i)x", "type": "integer",
        "title": "Title", "anyOf": [{"type": "string"}],
    }  # fmt: skip

    class Values(Inputs):
        model_config = ConfigDict(json_schema_extra={"dependentRequired": {"items": ["enum"]}})

        items: Any = Field(data, examples=[data])
        enum: int = Field(1, json_schema_extra={"x-data": data})
        properties: str = "a"
        prefixItems: list[int] = []  # noqa: N815 - the name of a keyword

    document = document_of(action_with(Values))
    properties = properties_of(document)

    validate(document)
    assert properties["items"] == {"default": data, "examples": [data]}
    assert properties["enum"]["x-data"] == data
    assert properties["enum"]["format"] == "int64"
    assert properties["properties"]["pattern"] == "^[^\\u0000]*$"
    request = document["components"]["schemas"]["it_Request"]
    assert request["dependentRequired"] == {"items": ["enum"]}


def test_a_schema_that_pydantic_cannot_write_allows_any_value(
    document_of: DocumentOf, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not break the document of other actions."""

    class Values(Inputs):
        value: int = Field(1, examples=[{"$defs": 1}])

    document = document_of(action_with(Values), ListBooks)

    assert properties_of(document) == {"value": {}}
    assert "no JSON Schema" in caplog.text
    validate(document)


# --- names of inputs ----------------------------------------------------------------------------


def test_an_input_in_the_path_is_not_in_the_body(document_of: DocumentOf) -> None:
    """By whichever of its names."""

    class Camel(Inputs):
        model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

        user_id: int
        first_name: str = "Ada"

    class Choices(Inputs):
        number: int = Field(validation_alias=AliasChoices("id", "number"))
        deep: int = Field(validation_alias=AliasPath("outer", "inner"))

    camel = document_of(action_with(Camel, "PUT /user/{user_id}"))
    choices = document_of(action_with(Choices, "PUT /user/{number}"))

    assert set(properties_of(camel)) == {"firstName"}
    assert set(properties_of(choices)) == {"outer"}
    for document, name in ((camel, "user_id"), (choices, "number")):
        [parameter] = document["paths"][f"/user/{{{name}}}"]["put"]["parameters"]
        assert (parameter["in"], parameter["name"]) == ("path", name)
        assert parameter["schema"]["type"] == "integer"


def test_lists_in_paths_have_one_text(document_of: DocumentOf) -> None:
    """An array of numbers as JSON, or the only item of other lists: there are no commas."""

    class Rows(RootModel[list[float]]):
        pass

    class Pair(NamedTuple):
        x: int
        y: str

    class Lists(Inputs):
        ids: list[int]
        pair: tuple[int, str]
        words: list[str]
        days: set[date]
        rows: Rows
        named: Pair

    path = "/it/{ids}/{pair}/{words}/{days}/{rows}/{named}"
    parameters = document_of(action_with(Lists, f"GET {path}"))["paths"][path]["get"]["parameters"]
    ids, pair, words, days, rows, named = parameters

    assert "application/json" in rows["content"]
    assert "application/json" in named["content"]
    assert ids["content"]["application/json"]["schema"]["type"] == "array"
    assert pair["content"]["application/json"]["schema"]["type"] == "array"
    assert words["schema"] == {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]*$"}
    assert days["schema"] == {"type": "string", "format": "date", "minLength": 1}


@pytest.mark.parametrize("route", ["GET /it", "GET /it/{value}", "POST /it", "PUT /it/{value}"])
def test_any_json_value_is_an_input(document_of: DocumentOf, route: str) -> None:
    """Its schema has a name, and is empty."""

    class Values(Inputs):
        value: JsonValue
        values: list[JsonValue] = []

    document = document_of(action_with(Values, route))

    assert document["components"]["schemas"]["JsonValue"] == {}
    validate(document)


def test_flags_are_integers(document_of: DocumentOf) -> None:
    """Not only those with a name: a combination is a value."""

    class Bits(Flag):
        READ = 1
        WRITE = 4

    class Open(IntFlag):
        ONE = 1

    class Values(Inputs):
        bits: Bits
        open: Open

    schemas = document_of(action_with(Values))["components"]["schemas"]

    assert not {"enum", "const"} & (schemas["Bits"].keys() | schemas["Open"].keys())
    assert schemas["Bits"]["type"] == schemas["Open"]["type"] == "integer"
    assert (schemas["Bits"]["minimum"], schemas["Bits"]["maximum"]) == (0, 5)
    assert schemas["Open"]["maximum"] == 2**63 - 1


@pytest.mark.parametrize("annotation", [None, Literal[None], int | None, Literal["a", None]])
def test_null_is_an_empty_object_in_results(document_of: DocumentOf, annotation: Any) -> None:
    class Show(Action):
        name = "show"
        web = "GET /it"

        async def run(self) -> Any: ...

    Show.run.__annotations__["return"] = annotation
    content = document_of(Show)["paths"]["/it"]["get"]["responses"]["200"]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document_of(Show)["components"]["schemas"][name]

    assert {"type": "object", "maxProperties": 0} in schema.get("anyOf", [schema])
    assert "null" not in str(schema)


def test_headers_and_cookies_are_parameters(document_of: DocumentOf) -> None:
    """They are neither in the query nor in the body."""

    class Sources(Inputs):
        token: Annotated[str, Header("X-Token")]
        theme: Annotated[str, Cookie()] = "light"
        page: int = 1

    query = document_of(action_with(Sources, "GET /it"))["paths"]["/it"]["get"]
    document = document_of(action_with(Sources))

    places = [(each["in"], each["name"], each["required"]) for each in query["parameters"]]
    assert places == [
        ("header", "X-Token", True),
        ("cookie", "theme", False),
        ("query", "page", False),
    ]
    assert set(properties_of(document)) == {"page"}


def test_a_header_of_several_inputs_is_one_parameter(document_of: DocumentOf) -> None:
    """Two parameters with one name and place are invalid, and a header has any case."""

    class Sources(Inputs):
        first: Annotated[str, Header("X-A")]
        second: Annotated[str, Header("X-A")] = ""
        third: Annotated[str, Header("x-a")] = ""

    parameters = document_of(action_with(Sources, "GET /it"))["paths"]["/it"]["get"]["parameters"]

    assert [each["name"] for each in parameters] == ["X-A"]


def test_paths_that_differ_in_names_only_are_one_path(document_of: DocumentOf) -> None:
    """With the names of the first one: OpenAPI forbids two."""

    class One(Inputs):
        one: int

    class Two(Inputs):
        two: int

    class Show(Action):
        name = "a:show"
        web = "GET /it/{one}"

        async def run(self, inputs: One) -> None: ...

    document = document_of(Show, action_with(Two, "DELETE /it/{two}"))

    item = document["paths"]["/it/{one}"]
    assert "/it/{two}" not in document["paths"]
    assert [each["name"] for each in item["delete"]["parameters"]] == ["one"]
    assert item["delete"]["parameters"][0]["schema"]["type"] == "integer"
    validate(document)


# --- operations ---------------------------------------------------------------------------------


class Download(Action):
    """Return a response with its own media type."""

    name = "download"
    web = "GET /files/{path:path}"
    openapi = Operation(media_types=["text/csv"])

    async def run(self, inputs: Path) -> Stream: ...  # type: ignore[empty-body]


class Path(TypedDict):
    path: str


def test_the_rest_of_a_path_is_a_parameter(document_of: DocumentOf) -> None:
    """OpenAPI has no syntax for it, so its description says it."""
    operation = document_of(Download)["paths"]["/files/{path}"]["get"]

    [parameter] = operation["parameters"]
    assert parameter["description"] == "The rest of the path, which may have slashes."
    assert set(operation["responses"]["200"]["content"]) == {"text/csv"}


def test_a_response_of_aiohttp_has_any_status(document_of: DocumentOf) -> None:
    """Unless the author lists its statuses; a result beside it has its own response."""

    class Redirect(Action):
        name = "redirect"
        web = "GET /redirect"

        async def run(self) -> Response:
            return Response(status=302)

    class Listed(Redirect):
        name = "listed"
        web = "GET /listed"
        openapi = {"statuses": [302, 304]}

    class Perhaps(Action):
        name = "perhaps"
        web = "GET /perhaps"

        async def run(self) -> Book | Response:
            return Book(title="x")

    paths = document_of(Redirect, Listed, Perhaps)["paths"]

    def successes(path: str) -> dict[str, Any]:
        responses = paths[path]["get"]["responses"]
        return {status: item for status, item in responses.items() if "$ref" not in item}

    assert successes("/redirect")["default"]["content"] == {"*/*": {}}
    assert set(successes("/redirect")) == {"default"}
    assert set(successes("/listed")) == {"302", "304"}
    assert not any("content" in response for response in successes("/listed").values())
    assert set(successes("/perhaps")) == {"200", "default"}
    assert successes("/perhaps")["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Book"
    }


def test_versions_are_operations(document_of: DocumentOf) -> None:
    """A deprecated one is marked, and has the headers."""

    class First(Action):
        name = "book:show"
        version = 1
        web = "GET /book"
        deprecated = date(2026, 1, 1)
        sunset = date(2027, 1, 1)

        async def run(self) -> None: ...

    class Second(Action):
        name = "book:show"
        version = 2
        web = "GET /book"

        async def run(self) -> Book:
            return Book(title="x")

    document = document_of(First, Second)

    operations = {path: item["get"] for path, item in document["paths"].items() if "book" in path}
    assert {path: each["operationId"] for path, each in operations.items()} == {
        "/book": "book:show",
        "/v1/book": "book:show@1",
        "/v2/book": "book:show@2",
    }
    assert all(each["tags"] == ["book"] for each in operations.values())
    assert operations["/v1/book"]["deprecated"] is True
    assert set(operations["/book"]["responses"]["200"]["headers"]) == {"Deprecation", "Sunset"}
    assert "It may be gone from 2027-01-01." in operations["/book"]["description"]
    assert "deprecated" not in operations["/v2/book"]
    validate(document)


def test_the_middleware_of_a_group_is_a_security_requirement(document_of: DocumentOf) -> None:
    """Other operations are marked as public."""

    class Members(Middleware):
        requires_session = True

        async def before(self, call: Call) -> None: ...

    class Show(Action):
        name = "show"
        web = [Routes(prefix="/members", middleware=[Members()]).get("/"), Route.get("/public")]

        async def run(self) -> None: ...

    paths = document_of(Show, ListBooks)["paths"]

    assert paths["/members"]["get"]["security"] == [{"sessionCookie": []}]
    assert paths["/public"]["get"]["security"] == [{"sessionCookie": []}]
    assert paths["/books"]["get"]["security"] == []


def test_tags_are_listed(document_of: DocumentOf) -> None:
    """Linters require it."""
    document = document_of(ListBooks)

    assert [tag["name"] for tag in document["tags"]] == ["book", "status", "swagger"]
