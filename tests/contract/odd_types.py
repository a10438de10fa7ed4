"""An application with types that linters and generators of clients find difficult."""

from __future__ import annotations

from collections.abc import AsyncIterator  # noqa: TC003 - read when the application loads
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Any, ClassVar, Generic, Literal, NotRequired, TypedDict, TypeVar
from uuid import UUID

from aiohttp.web import Response
from pydantic import AliasChoices, AliasPath, ConfigDict, SecretStr, computed_field
from pydantic.alias_generators import to_camel

from actionhero import (
    Action,
    Cookie,
    Event,
    Field,
    File,
    Header,
    Inputs,
    NotFound,
    Secret,
    Stream,
)
from actionhero_openapi import Operation
from actionhero_web import Route, Routes

Item = TypeVar("Item")

shop = Routes(prefix="/shop")


class Color(StrEnum):
    """A color."""

    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    """A level."""

    LOW = 1
    HIGH = 2


class Mixed(Enum):
    """Values of several types."""

    ONE = 1
    TWO = "two"


class Circle(Inputs):
    """A circle."""

    kind: Literal["circle"]
    radius: float = Field(gt=0, allow_inf_nan=False)


class Square(Inputs):
    """A square."""

    kind: Literal["square"]
    side: int


class Tree(Inputs):
    """A recursive model."""

    name: str
    children: list[Tree] = []


class Money(Inputs):
    """Different as an input and as an output."""

    amount: Decimal = Field(max_digits=8, decimal_places=2)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_free(self) -> bool:
        """Whether it costs nothing."""
        return not self.amount


class Page(Inputs, Generic[Item]):
    """A page of items."""

    items: list[Item]
    total: int


class Error(Inputs):
    """The name of the error document, too."""

    reason: str


class Everything(Inputs):
    """Inputs of most types."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    text: str = Field(default="", pattern=r"(?P<first>\w)[\-_]\z|^$", description="A text.")
    flags: str = Field(default="x", pattern=r"(?i)x")
    number: float = float("inf")
    only: Literal[1, 2] = 1
    always: Literal[True] = True
    constant: Literal["x"] = "x"
    color: Color = Color.RED
    level: Level = Level.LOW
    mixed: Mixed = Mixed.ONE
    day: date | None = None
    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    clock: time | None = None
    duration: timedelta = timedelta(seconds=1)
    identifier: UUID | None = None
    address: IPv4Address | None = None
    money: Money | None = None
    tree: Tree | None = None
    shape: Annotated[Circle | Square, Field(discriminator="kind")] | None = None
    either: int | str | None = None
    pair: tuple[int, str] = (1, "a")
    names: set[str] = set()
    marks: dict[str, int] = {}
    levels: dict[Level, list[Color]] = {}
    anything: Any = None
    data: bytes = b""
    error: Error | None = None
    password: Secret[str] = "hunter2"
    token: SecretStr = SecretStr("hunter3")
    class_: str = Field(default="", alias="class")
    dollar: str = Field(default="", alias="$ref")


class Send(Action):
    """Send everything."""

    name = "odd:send"
    web = shop.post("/everything")

    async def run(self, inputs: Everything) -> Everything:
        return inputs


class Query(Action):
    """Send everything in the query."""

    name = "odd:query"
    web = shop.get("/everything")

    async def run(self, inputs: Everything) -> Page[Tree]:
        return Page(items=[], total=0)


class Camel(Inputs):
    """Inputs with aliases."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    user_id: int
    first_name: str = "Ada"


class Edit(Action):
    """Edit a user."""

    name = "odd:edit"
    web = shop.put("/users/{user_id}", status=201)
    deprecated = date(2026, 1, 1)
    sunset = date(2027, 1, 1)

    async def run(self, inputs: Camel) -> Page[Money]:
        raise NotFound("No such user")


class EditNow(Action):
    """Edit a user, in a later version."""

    name = "odd:edit"
    version = 2
    web = shop.put("/users/{user_id}")

    async def run(self, inputs: Camel) -> Camel:
        return inputs


class Sourced(Inputs):
    """Inputs from headers and cookies."""

    token: Annotated[str, Header("X-Token")]
    theme: Annotated[str, Cookie()] = "light"
    page: int = 1


class Source(Action):
    """Read a header and a cookie."""

    name = "odd:source"
    web = "POST /source"

    async def run(self, inputs: Sourced) -> str:
        return inputs.token


class Parameters(Action):
    """Take inputs as parameters."""

    name = "odd:parameters"
    web = "PUT /parameters/{id}"

    async def run(self, id: int, names: list[str], tree: Tree | None = None) -> int:
        return id


class Choices(Inputs):
    """Inputs with several names."""

    number: int = Field(validation_alias=AliasChoices("id", "number"))
    deep: int = Field(default=0, validation_alias=AliasPath("outer", "inner"))


class Choose(Action):
    """Choose by one of several names."""

    name = "odd:choose"
    web = shop.patch("/users/{number}")

    async def run(self, inputs: Choices) -> int:
        return inputs.number


class FileInputs(Inputs):
    """A path."""

    path: str


class Download(Action):
    """Download a file."""

    name = "odd:download"
    web = Route.get("/files/{path:path}")
    openapi = Operation(media_types=["text/csv"])

    async def run(self, inputs: FileInputs) -> Stream:
        async def chunks() -> AsyncIterator[str]:
            yield "a,b"

        return Stream(chunks(), "text/csv")


class Redirect(Action):
    """Redirect to a file."""

    name = "odd:redirect"
    web = Route.get("/redirect")
    openapi = Operation(statuses=[302], errors=[])

    async def run(self) -> Response:
        return Response(status=302, headers={"Location": "/"})


class Perhaps(Action):
    """Return a result or a response."""

    name = "odd:perhaps"
    web = Route.get("/perhaps")

    async def run(self) -> Tree | Response:
        return Tree(name="x")


class Upload(Inputs):
    """Files."""

    picture: File
    others: list[File] = []
    tree: Tree | None = None


class SendFiles(Action):
    """Send files."""

    name = "odd:files"
    web = "POST /files"

    async def run(self, inputs: Upload) -> None: ...


class Follow(Action):
    """Follow events."""

    name = "odd:follow"
    web = "GET /follow"

    async def run(self) -> AsyncIterator[Event[Tree]]:
        yield Event(Tree(name="x"))


class Row(TypedDict):
    """A row."""

    id: int
    note: NotRequired[str | None]


class Remove(Action):
    """Remove a row."""

    name = "odd:remove"
    web: ClassVar = [Route.delete("/rows/{id}", status=204), "POST /rows/{id}/remove"]

    async def run(self, inputs: Row) -> None: ...


class Rows(Action):
    """List the rows."""

    name = "odd:rows"
    version = 1
    web = "GET /rows"

    async def run(self) -> list[Row] | None:
        return None


class AnyInputs(Action):
    """Accept any inputs."""

    name = "odd:any"
    web = "POST /any"

    async def run(self, inputs: dict[str, Any]) -> dict[str, list[Row]]:
        return {}
