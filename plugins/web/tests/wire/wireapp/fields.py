"""Actions that return their inputs."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import field_validator

from actionhero import Action, Call, Cookie, Field, File, Header, Inputs, Secret


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Address(Inputs):
    street: str
    zip: str = Field(min_length=3)
    floor: int | None = None
    entry_code: Secret[str] = ""


class Anything(Inputs):
    text: str | None = None
    number: int | None = None
    amount: float | None = None
    price: Decimal | None = None
    flag: bool | None = None
    tags: list[str] | None = None
    numbers: list[int] | None = None
    when: datetime | None = None
    day: date | None = None
    wait: timedelta | None = None
    uuid: UUID | None = None
    color: Color | None = None
    level: Literal["low", "high"] | None = None
    address: Address | None = None
    people: list[Address] | None = None
    table: dict[str, int] | None = None
    any: Any = None


class Echo(Action):
    """Return the inputs."""

    name = "echo"
    web = [
        "GET /echo", "POST /echo", "PUT /echo", "PATCH /echo", "DELETE /echo",
        "GET /echo/text/{text}", "POST /echo/text/{text}", "GET /echo/number/{number}",
        "POST /echo/number/{number}", "POST /echo/flag/{flag}/{amount}",
    ]  # fmt: skip

    async def run(self, inputs: Anything) -> dict[str, Any]:
        return inputs.model_dump(mode="json", exclude_unset=True)


class Account(Inputs):
    name: str = Field(min_length=3, max_length=2000, description="The name of the user.")
    email: str
    password: Secret[str] = Field(min_length=8)
    age: int = Field(default=18, ge=0)
    tags: list[int] = []
    address: Address | None = None
    addresses: list[Address] = []
    postal_code: str = Field(default="", alias="postalCode", max_length=5)
    counts: dict[str, int] = {}

    @field_validator("email")
    @classmethod
    def has_at(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError("This is not a valid email")
        return value

    @field_validator("password")
    @classmethod
    def is_strong(cls, value: str) -> str:
        if value.isdigit():
            raise ValueError(f"the password {value} is weak")
        return value


class CreateAccount(Action):
    """Create an account."""

    name = "account:create"
    web = ["PUT /account", "POST /account", "GET /account"]

    async def run(self, inputs: Account) -> dict[str, str]:
        return {"name": inputs.name}


class NoInputs(Action):
    """Accept no inputs."""

    name = "nothing"
    web = ["GET /nothing", "POST /nothing"]

    async def run(self) -> None:
        pass


class UploadInputs(Inputs):
    file: File
    more: list[File] = []
    note: str = "none"
    numbers: list[int] = []


class Upload(Action):
    """Accept a file."""

    name = "upload"
    web = ["POST /upload", "PUT /upload/{note}"]

    async def run(self, inputs: UploadInputs) -> dict[str, Any]:
        digest = hashlib.sha256()
        async for chunk in inputs.file.chunks():
            digest.update(chunk)
        return {
            "name": inputs.file.name,
            "type": inputs.file.content_type,
            "size": inputs.file.size,
            "sha256": digest.hexdigest(),
            "more": [file.name for file in inputs.more],
            "note": inputs.note,
            "numbers": inputs.numbers,
        }


class Webhook(Action):
    """Return the unparsed body."""

    name = "webhook"
    web = ["POST /webhook", "GET /webhook"]

    async def run(self, inputs: Anything, call: Call) -> dict[str, Any]:
        request = call.connection.raw
        assert isinstance(request, web.BaseRequest)
        return {"body": (await request.read()).hex(), "again": (await request.read()).hex()}


class Client(Action):
    """Return the address of the client and the request id."""

    name = "client"
    web = "GET /client"

    async def run(self, call: Call) -> dict[str, Any]:
        return {"remote": call.connection.remote, "request_id": call.request_id}


class SourceInputs(Inputs):
    token: Annotated[str, Header("X-Token")] = ""
    first: Annotated[str, Cookie()] = ""
    second: Annotated[str, Cookie()] = ""


class Sources(Action):
    """Return the inputs from headers and cookies."""

    name = "sources"
    web = "GET /sources"

    async def run(self, inputs: SourceInputs) -> list[str]:
        return [inputs.token, inputs.first, inputs.second]
