"""The canonical form of inputs."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import SecretStr

from actionhero import Field, File, Inputs
from actionhero.transport import canonical


class OrderItem(Inputs):
    """An input with generated and fixed defaults."""

    amount: Decimal
    note: str = ""
    id: uuid.UUID = Field(default_factory=uuid.uuid4)


def test_generated_defaults_are_left_out() -> None:
    """They are different each time; a value from the client is not."""
    id = uuid.uuid4()

    assert canonical(OrderItem(amount=Decimal(1))) == canonical(OrderItem(amount=Decimal("1.00")))
    assert canonical(OrderItem(amount=Decimal(1))) == canonical(
        OrderItem(amount=Decimal(1), note="")
    )
    assert canonical(OrderItem(amount=Decimal(1), id=id)) != canonical(OrderItem(amount=Decimal(1)))
    assert canonical([OrderItem(amount=Decimal(1))]) == [{"amount": 1, "note": ""}]


def test_equal_values_have_one_form() -> None:
    """However they were written."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert canonical(noon) == canonical(noon.astimezone(timezone(timedelta(hours=2))))
    assert canonical({"a": 1.0, "b": {3, 2}}) == canonical({"b": {2, 3}, "a": 1})
    assert canonical(SecretStr("x")) == "x"
    assert canonical("1") != canonical(1)


def test_files_differ_by_their_content() -> None:
    """They can be read from the start afterwards."""
    files = [File("a.txt", "text/plain", 1, io.BytesIO(content)) for content in (b"a", b"b", b"a")]

    first, second, third = map(canonical, files)

    assert first == third != second
    assert [file.content() for file in files] == [b"a", b"b", b"a"]


def test_a_value_without_a_form_is_refused() -> None:
    """Its text may be different each time."""
    with pytest.raises(TypeError):
        canonical({"value": object()})
