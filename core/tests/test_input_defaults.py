"""Defaults of inputs that do not fit their annotations."""

from __future__ import annotations

from dataclasses import make_dataclass
from decimal import Decimal  # noqa: TC003 - the schema of inputs
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Base64Bytes, FilePath, Json, SecretStr, create_model
from pydantic.fields import FieldInfo

from actionhero import Action, Field, Inputs, PluginError, Secret
from actionhero.action import RegisteredAction


def fault_of(action: type[Action]) -> str:
    """Return the error of an invalid action when the application loads."""
    with pytest.raises(PluginError) as raised:
        RegisteredAction(action, "plugin 'party'")
    return str(raised.value)


@pytest.mark.parametrize(
    ("annotation", "default", "fault"),
    [
        (int, "x", "the default 'x', which does not fit its annotation: input should be a valid"),
        (int, "5", "the default '5', which does not fit its annotation: a call would receive str"),
        (int, None, "valid integer; write 'int | None', or remove the default"),
        (Path, "a.txt", "a call would receive str, not PosixPath; change one of them"),
        (list[int], ("x",), "the default ('x',), which does not fit its annotation"),
        (Annotated[int, Field(ge=1)], "x", "input should be a valid integer"),
        (int, Field(default="x", ge=1), "input should be a valid integer"),
        (Json[list[int]], "[]", "a call would receive str, not list; change one of them"),
        (SecretStr, "hunter2", "with a default, which does not fit its annotation; change one"),
        (Secret[int], "hunter2", "with a default, which does not fit its annotation; change one"),
    ],
)
def test_defaults_that_do_not_fit_their_annotations_are_refused(
    annotation: Any, default: Any, fault: str
) -> None:
    """Pydantic does not validate them: the call would receive them, or fail."""
    model = create_model("Model", __base__=Inputs, value=(annotation, default))
    pydantic_model = create_model("PydanticModel", value=(annotation, default))
    nested = create_model("Nested", items=(list[model], []))  # type: ignore[valid-type]
    data = make_dataclass("Data", [("value", annotation, default)])
    types: list[Any] = [model, pydantic_model, nested]
    if not isinstance(default, FieldInfo):
        types.append(data)

    class Parameter(Action):
        name = "parameter"

        async def run(self, value: Any = default) -> None: ...

    Parameter.run.__annotations__["value"] = annotation
    faults = [fault_of(Parameter)]
    for type_ in types:

        class Model(Action):
            name = "model"

            async def run(self, inputs: Any) -> None: ...

        Model.run.__annotations__["inputs"] = type_
        faults.append(fault_of(Model))

    for message in faults:
        assert "has the input 'value' with" in message
        assert fault in message
        assert "hunter2" not in message


def test_defaults_that_fit_their_annotations_are_accepted() -> None:
    """Constraints are for clients; a validator may depend on the disk, or change values."""

    class Lax(Action):
        name = "lax"

        async def run(
            self,
            price: Decimal = 0,  # type: ignore[assignment]
            ratio: float = 0,
            limit: int | None = None,
            unset: Annotated[str, Field(min_length=1)] = "",
            page: int = Field(default=0, ge=1),
            file: FilePath = Path("/does/not/exist"),
            word: Annotated[str, AfterValidator(str.lower)] = "Word",
            anything: Any = ...,
            names: tuple[str, ...] = (),
            ids: Json[tuple[int, ...]] = (),
            key: Base64Bytes = b"a key",
        ) -> None: ...

    assert RegisteredAction(Lax, "plugin 'test'").inputs.names
