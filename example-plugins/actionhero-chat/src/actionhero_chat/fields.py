"""Types of input fields with their error messages.

The messages are those of the original ActionHero, so that its clients can compare them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from actionhero_channels import CHANNEL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

#: The largest value of an integer primary key.
MAX_ID = 2**31 - 1
#: 64 characters before the @ and 255 after it (RFC 5321, 4.5.3.1).
MAX_EMAIL_LENGTH = 320


@dataclass(frozen=True)
class Text:
    """A text with a length limit: `Annotated[str, Text(1, 256)]`.

    Args:
        min_length: The minimum number of characters.
        max_length: The maximum number of characters; `None`: no limit.
        too_short: The message for a shorter text.
        too_long: The message for a longer text.
        format: The JSON Schema format, such as `email`. For documentation; not validated here.
        pattern: The JSON Schema pattern. For documentation; not validated here.
    """

    min_length: int
    max_length: int | None = None
    too_short: str = ""
    too_long: str = ""
    format: str | None = None
    pattern: str | None = None

    def check(self, text: str) -> str:
        """Return the text, or raise if its length is invalid."""
        if len(text) < self.min_length:
            default = f"Too small: expected string to have >={self.min_length} characters"
            raise _validation_error("string_too_short", self.too_short or default)
        if self.max_length is not None and len(text) > self.max_length:
            default = f"Too big: expected string to have <={self.max_length} characters"
            raise _validation_error("string_too_long", self.too_long or default)
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        text = core_schema.no_info_wrap_validator_function(_validate_text, handler(source))
        return core_schema.no_info_after_validator_function(self.check, text)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        keywords = {"maxLength": self.max_length, "format": self.format, "pattern": self.pattern}
        optional = {key: value for key, value in keywords.items() if value is not None}
        return {**handler(schema), "minLength": self.min_length, **optional}


@dataclass(frozen=True)
class IntRange:
    """An integer in a range: `Annotated[int, IntRange(1, 100)]`.

    Args:
        minimum: The smallest allowed value.
        maximum: The largest allowed value.
    """

    minimum: int
    maximum: int

    def check(self, number: int) -> int:
        """Return the number, or raise if it is out of range."""
        if number < self.minimum:
            message = f"Too small: expected number to be >={self.minimum}"
            raise _validation_error("greater_than_equal", message)
        if number > self.maximum:
            message = f"Too big: expected number to be <={self.maximum}"
            raise _validation_error("less_than_equal", message)
        return number

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        number = core_schema.no_info_wrap_validator_function(_validate_int, handler(source))
        return core_schema.no_info_after_validator_function(self.check, number)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "minimum": self.minimum, "maximum": self.maximum}


class _RowId:
    """The identifier of a row. Invalid values other than small numbers have one error message."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(_validate_row_id, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "minimum": 1, "maximum": MAX_ID}


def without_default(schema: dict[str, Any]) -> None:
    """Remove the default from a JSON schema: it is a placeholder for an omitted field."""
    schema.pop("default", None)


def _validate_email_loosely(text: str) -> str:
    if "@" not in text or "." not in text:
        raise _validation_error("value_error", "This is not a valid email")
    return text.lower()


def _validate_email_strictly(text: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        # Deliverability is not checked, so reserved domains are valid too.
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise _validation_error("value_error", "Invalid email address") from None
    return text.lower()


_REQUIRED = "This field is required and must be at least 3 characters long"

RowId = Annotated[int, _RowId()]
Name = Annotated[str, Text(3, 256, _REQUIRED, "Name must be less than 256 characters")]
#: An e-mail address with the loose validation of a sign-up; converted to lower case.
Email = Annotated[
    str,
    Text(
        *(3, MAX_EMAIL_LENGTH, _REQUIRED, f"Email must be less than {MAX_EMAIL_LENGTH} characters"),
        format="email",
    ),
    AfterValidator(_validate_email_loosely),
]
#: An e-mail address with valid syntax; converted to lower case.
StrictEmail = Annotated[
    str, Text(0, MAX_EMAIL_LENGTH, format="email"), AfterValidator(_validate_email_strictly)
]
Password = Annotated[
    str,
    Text(
        *(8, 256),
        too_short="Password must be at least 8 characters",
        too_long="Password must be less than 256 characters",
    ),
]

#: The password of a sign-in: the rule of a sign-up for its length would reveal that rule instead of
#: the error of a wrong password, and lock out users from before a change of the rule.
ExistingPassword = Annotated[
    str, Text(0, 256, too_long="Password must be less than 256 characters")
]


def _validate_channel_name(text: str) -> str:
    if not CHANNEL_NAME.fullmatch(text):
        raise _validation_error("string_pattern_mismatch", "Invalid channel name")
    return text


ChannelName = Annotated[
    str,
    Text(0, 200, too_long="Invalid channel name", pattern=f"^{CHANNEL_NAME.pattern}$"),
    AfterValidator(_validate_channel_name),
]


def _validate_text(value: Any, inner: Callable[[Any], str]) -> str:
    try:
        return inner(value)
    except ValidationError:
        message = f"Invalid input: expected string, received {_json_type(value)}"
        raise _validation_error("string_type", message) from None


def _validate_int(value: Any, inner: Callable[[Any], int]) -> int:
    try:
        return inner(value)
    except ValidationError as error:
        error_type = error.errors(include_input=False, include_url=False)[0]["type"]
        if error_type == "int_parsing" and not value.strip():
            # The number of a blank text in JavaScript.
            return 0
        if _is_fraction(value):
            message = "Invalid input: expected int, received number"
        elif error_type == "int_parsing":
            message = "Invalid input: expected number, received NaN"
        else:
            message = f"Invalid input: expected number, received {_json_type(value)}"
        raise _validation_error(error_type, message) from None


def _is_fraction(value: Any) -> bool:
    """Return whether a value is a number with a fraction, or the text of one."""
    if isinstance(value, str) and not re.fullmatch(r"\s*[+-]?\d*\.\d+\s*", value, re.ASCII):
        return False
    return isinstance(value, float | str)


def _validate_row_id(value: Any, inner: Callable[[Any], int]) -> int:
    try:
        number = inner(value)
    except ValidationError as error:
        error_type = error.errors(include_input=False, include_url=False)[0]["type"]
        raise _validation_error(error_type, "Invalid input") from None
    if number < 1:
        raise _validation_error("greater_than", "Too small: expected number to be >0")
    if number > MAX_ID:
        raise _validation_error("less_than_equal", "Invalid input")
    return number


def _validation_error(error_type: str, message: str) -> PydanticCustomError:
    # Pydantic treats the message as a template; ours contain no braces.
    return PydanticCustomError(error_type, message)  # pyright: ignore[reportArgumentType]


def _json_type(value: Any) -> str:
    """Return the name of a value's JSON type."""
    if value is None:
        return "null"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "boolean"),
        ((int, float), "number"),
        (str, "string"),
        ((list, tuple), "array"),
    )
    return next((name for types, name in names if isinstance(value, types)), "object")
