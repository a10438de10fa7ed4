"""What authors say of their actions is checked when the application loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from actionhero import Action, ErrorType, Inputs, NotFound, PluginError
from actionhero_openapi import Operation

if TYPE_CHECKING:
    from plugins.openapi.tests.conftest import DocumentOf, LoadApp

    OnlyForCheckers = str


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("deprecated", "it is of type 'str'; write Operation(deprecated=True), or a mapping"),
        ({"depricated": True}, "it has no 'depricated'; there are: errors, statuses, examples"),
        ({"errors": ["not found"]}, "'not found' stands among the errors, and is neither"),
        ({"errors": [ValueError]}, "<class 'ValueError'> stands among the errors, and"),
        ({"statuses": [99]}, "the status 99 is not a number from 200 to 599"),
        ({"tags": "guests"}, "tags are 'guests'; write a list of texts"),
        ({"examples": [{"name": "Ada"}]}, "examples are [{'name': 'Ada'}]; write inputs by a name"),
    ],
)
def test_what_is_wrong_is_told_with_the_action_and_its_file(
    load_app: LoadApp, written: Any, complaint: str
) -> None:
    """Who wrote it knows what to mend."""

    class Odd(Action):
        name = "odd"
        openapi = written

        async def run(self) -> None: ...

    with pytest.raises(PluginError) as raised:
        load_app(Odd)

    message = str(raised.value)
    assert "action 'odd'" in message
    assert "test_operation.py" in message
    assert f"has a wrong openapi: {complaint}" in message


class Answer(TypedDict):
    one: OnlyForCheckers


class NoWords:
    """A type that JSON Schema has no words for."""


def test_what_has_no_schema_is_told_as_anything_and_logged(
    document_of: DocumentOf, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest of the document is there, and the author hears of it."""

    class OddInputs(Inputs):
        model_config = {"arbitrary_types_allowed": True}

        one: NoWords
        two: int = 2

    class Odd(Action):
        name = "odd"
        web = "POST /odd"

        async def run(self, inputs: OddInputs) -> Answer:
            return {"one": "1"}

    document = document_of(Odd)

    schema = document["components"]["schemas"]["odd_Request"]
    assert schema == {"type": "object", "properties": {"one": {}, "two": {}}, "required": ["one"]}
    answer = document["paths"]["/odd"]["post"]["responses"]["200"]
    assert answer["content"] == {"application/json": {"schema": {}}}
    assert "of action 'odd'" in caplog.text


def test_plain_data_and_the_class_are_the_same() -> None:
    """A package of actions need not depend on this one."""
    given = {"errors": [NotFound, ErrorType.CONFLICT], "deprecated": True}

    assert Operation.parse(given) == Operation(
        errors=[NotFound, ErrorType.CONFLICT], deprecated=True
    )
    assert Operation.parse(None) == Operation()
