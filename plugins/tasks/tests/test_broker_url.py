"""`BrokerUrl`: parsing and masking."""

from __future__ import annotations

import pytest

from actionhero_tasks import TasksSettings
from actionhero_tasks.broker_url import BrokerUrl


def test_a_url_is_parsed_and_its_password_is_masked() -> None:
    """Several URLs are one broker."""
    text = "amqp://ada:hunter2@one:5673/shop;amqps://two"
    settings = TasksSettings.model_validate({"broker_url": text})
    url = settings.broker_url

    assert url is not None
    assert url.schemes == {"amqp", "amqps"}
    assert url.address == "one:5673, two"
    assert "hunter2" in url.text
    assert "hunter2" not in f"{url} {url!r} {settings!r}"


@pytest.mark.parametrize("text", ["amqp://host:port", "ada:hunter2@host", "", "amqp://one;"])
def test_a_text_that_is_no_url_is_rejected(text: str) -> None:
    """The message does not repeat it, because it may contain a password."""
    with pytest.raises(ValueError, match=r"^it is not a URL") as raised:
        BrokerUrl.parse(text)

    assert "hunter2" not in str(raised.value)
