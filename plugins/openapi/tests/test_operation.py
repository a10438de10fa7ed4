"""The attribute `openapi` of actions is validated when the application loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from actionhero import Action, ErrorType, Inputs, NotFound, PluginError
from actionhero_openapi import Operation

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf, LoadApp

    OnlyForCheckers = str


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("deprecated", "it is of type 'str'; write Operation(deprecated=True), or a mapping"),
        (
            {"depricated": True},
            "it has the unknown key 'depricated'; did you mean 'deprecated'?",
        ),
        ({"x": True}, "it has the unknown key 'x'; available: errors, statuses, examples"),
        ({"errors": ["not found"]}, "errors contains 'not found', which is neither"),
        ({"errors": [ValueError]}, "errors contains <class 'ValueError'>, which is"),
        ({"statuses": [99]}, "the status 99 is not a number from 200 to 599"),
        ({"tags": "guests"}, "tags are 'guests'; write a list of strings"),
        ({"examples": [{"name": "Ada"}]}, "examples are [{'name': 'Ada'}]; write inputs by name"),
    ],
)
def test_an_invalid_attribute_is_an_error_with_the_action_and_its_file(
    load_app: LoadApp, value: Any, message: str
) -> None:
    """The message contains the fault and the remedy."""

    class Invalid(Action):
        name = "invalid"
        openapi = value

        async def run(self) -> None: ...

    with pytest.raises(PluginError) as raised:
        load_app(Invalid)

    text = str(raised.value)
    assert "action 'invalid'" in text
    assert "test_operation.py" in text
    assert f"has an invalid openapi: {message}" in text


class Result(TypedDict):
    one: OnlyForCheckers


class NoSchema:
    """A type without a JSON Schema."""


def test_a_type_without_a_schema_allows_any_value(
    document_of: DocumentOf, caplog: pytest.LogCaptureFixture
) -> None:
    """The document is complete, and a warning names the action."""

    class UntypedInputs(Inputs):
        model_config = {"arbitrary_types_allowed": True}

        one: NoSchema
        two: int = 2

    class Untyped(Action):
        name = "untyped"
        web = "POST /untyped"

        async def run(self, inputs: UntypedInputs) -> Result:
            return {"one": "1"}

    document = document_of(Untyped)

    schema = document["components"]["schemas"]["untyped_Request"]
    assert schema == {"type": "object", "properties": {"one": {}, "two": {}}, "required": ["one"]}
    response = document["paths"]["/untyped"]["post"]["responses"]["200"]
    assert response["content"] == {"application/json": {"schema": {}}}
    assert "of action 'untyped'" in caplog.text


def test_plain_data_equals_the_class() -> None:
    """A package of actions need not depend on this one."""
    data = {"errors": [NotFound, ErrorType.CONFLICT], "deprecated": True}

    assert Operation.parse(data) == Operation(
        errors=[NotFound, ErrorType.CONFLICT], deprecated=True
    )
    assert Operation.parse(None) == Operation()
