"""Kinds of inputs, with the words in which one that does not fit is refused.

The words are those that clients of earlier ActionHero servers know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from actionhero_channels import CHANNEL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

#: What a column of identifiers can hold.
LARGEST_ID = 2**31 - 1
#: 64 before the @ and 255 behind it (RFC 5321, 4.5.3.1).
LONGEST_EMAIL = 320


@dataclass(frozen=True)
class Text:
    """A text of some length: `Annotated[str, Text(1, 256)]`.

    Args:
        least: How many characters it has at least.
        most: How many it has at most; `None`: there is no limit.
        too_short: What is said of one that has fewer.
        too_long: What is said of one that has more.
        format: What JSON Schema calls it, such as `email`. It is told, and checked elsewhere.
        pattern: What it looks like, to JSON Schema. The same.
    """

    least: int
    most: int | None = None
    too_short: str = ""
    too_long: str = ""
    format: str | None = None
    pattern: str | None = None

    def check(self, text: str) -> str:
        """Return the text, if it fits."""
        if len(text) < self.least:
            told = self.too_short or f"Too small: expected string to have >={self.least} characters"
            raise _refusal("string_too_short", told)
        if self.most is not None and len(text) > self.most:
            told = self.too_long or f"Too big: expected string to have <={self.most} characters"
            raise _refusal("string_too_long", told)
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        text = core_schema.no_info_wrap_validator_function(_a_text, handler(source))
        return core_schema.no_info_after_validator_function(self.check, text)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        told = {"maxLength": self.most, "format": self.format, "pattern": self.pattern}
        given = {key: value for key, value in told.items() if value is not None}
        return {**handler(schema), "minLength": self.least, **given}


@dataclass(frozen=True)
class Between:
    """A whole number between two others, both included: `Annotated[int, Between(1, 100)]`.

    Args:
        least: The smallest.
        most: The largest.
    """

    least: int
    most: int

    def check(self, number: int) -> int:
        """Return the number, if it fits."""
        if number < self.least:
            told = f"Too small: expected number to be >={self.least}"
            raise _refusal("greater_than_equal", told)
        if number > self.most:
            raise _refusal("less_than_equal", f"Too big: expected number to be <={self.most}")
        return number

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        number = core_schema.no_info_wrap_validator_function(_a_whole_number, handler(source))
        return core_schema.no_info_after_validator_function(self.check, number)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "minimum": self.least, "maximum": self.most}


class _RowId:
    """The identifier of a row. Whatever it is not, the words are the same."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(_an_id, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "minimum": 1, "maximum": LARGEST_ID}


def without_default(schema: dict[str, Any]) -> None:
    """Leave the default out of a JSON schema: it stands for what was left out, and is no value."""
    schema.pop("default", None)


def _an_address(text: str) -> str:
    if "@" not in text or "." not in text:
        raise _refusal("value_error", "This is not a valid email")
    return text.lower()


def _a_real_address(text: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        # Whether anybody reads what is sent there is not asked, so reserved names are fine too.
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise _refusal("value_error", "Invalid email address") from None
    return text.lower()


_REQUIRED = "This field is required and must be at least 3 characters long"

RowId = Annotated[int, _RowId()]
Name = Annotated[str, Text(3, 256, _REQUIRED, "Name must be less than 256 characters")]
#: An e-mail address, as leniently as at sign-up; in lower case.
Email = Annotated[
    str,
    Text(
        *(3, LONGEST_EMAIL, _REQUIRED, f"Email must be less than {LONGEST_EMAIL} characters"),
        format="email",
    ),
    AfterValidator(_an_address),
]
#: An e-mail address that mail can be sent to; in lower case.
Address = Annotated[str, Text(0, LONGEST_EMAIL, format="email"), AfterValidator(_a_real_address)]
Password = Annotated[
    str,
    Text(
        *(8, 256),
        too_short="Password must be at least 8 characters",
        too_long="Password must be less than 256 characters",
    ),
]


def _a_channel_name(text: str) -> str:
    if not CHANNEL_NAME.fullmatch(text):
        raise _refusal("string_pattern_mismatch", "Invalid channel name")
    return text


ChannelName = Annotated[
    str,
    Text(0, 200, too_long="Invalid channel name", pattern=f"^{CHANNEL_NAME.pattern}$"),
    AfterValidator(_a_channel_name),
]


def _a_text(value: Any, inner: Callable[[Any], str]) -> str:
    try:
        return inner(value)
    except ValidationError:
        told = f"Invalid input: expected string, received {_kind(value)}"
        raise _refusal("string_type", told) from None


def _a_whole_number(value: Any, inner: Callable[[Any], int]) -> int:
    try:
        return inner(value)
    except ValidationError as error:
        kind = error.errors(include_input=False, include_url=False)[0]["type"]
        if kind == "int_from_float":
            told = "Invalid input: expected int, received number"
        elif kind == "int_parsing":
            told = "Invalid input: expected number, received NaN"
        else:
            told = f"Invalid input: expected number, received {_kind(value)}"
        raise _refusal(kind, told) from None


def _an_id(value: Any, inner: Callable[[Any], int]) -> int:
    try:
        number = inner(value)
    except ValidationError as error:
        kind = error.errors(include_input=False, include_url=False)[0]["type"]
        raise _refusal(kind, "Invalid input") from None
    if not 1 <= number <= LARGEST_ID:
        raise _refusal("greater_than" if number < 1 else "less_than_equal", "Invalid input")
    return number


def _refusal(rule: str, told: str) -> PydanticCustomError:
    # Braces in the text of one would be filled in; there are none in ours.
    return PydanticCustomError(rule, told)  # pyright: ignore[reportArgumentType]


def _kind(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    if value is None:
        return "null"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "boolean"),
        ((int, float), "number"),
        (str, "string"),
        ((list, tuple), "array"),
    )
    return next((name for types, name in kinds if isinstance(value, types)), "object")
