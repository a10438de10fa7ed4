"""The section `redis` of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import App, PluginError
from actionhero.settings.sources import read_sources
from actionhero_redis import RedisSettings, plugin

if TYPE_CHECKING:
    from pathlib import Path


def load(folder: Path, **environ: str) -> App:
    return App.of([plugin], read_sources(folder, environ=environ))


def test_redis_url_is_honoured_as_everyone_expects(tmp_path: Path) -> None:
    """`REDIS_URL`, as platforms set it, is `redis.url`."""
    app = load(tmp_path, REDIS_URL="redis://redis.example/1")

    assert str(app.get(RedisSettings).url) == "redis://redis.example/1"


def test_the_listing_of_settings_shows_no_password(tmp_path: Path) -> None:
    """`actionhero config` tells where Redis is, and not how to get in."""
    app = load(tmp_path, REDIS_URL="redis://ada:hunter2@redis.example/1")

    rows = {row.key: row.value for row in app.settings.rows() if row.section == "redis"}
    assert rows["url"] == "redis://ada:******@redis.example/1"
    assert "hunter2" not in f"{app.get(RedisSettings)!r} {rows}"


def test_a_url_that_is_none_is_refused_with_what_may_be_given(tmp_path: Path) -> None:
    """The message names the variable and the forms of a URL, and keeps the password to itself."""
    app = load(tmp_path, REDIS_URL="http://ada:hunter2@redis.example")

    with pytest.raises(PluginError) as raised:
        app.refuse_problems()

    assert "REDIS_URL" in str(raised.value)
    assert "its scheme is not one of ours; there are: redis://user" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("guestbook", "guestbook:"),
        ("guest.book_2", "guest.book_2:"),
        ("Guest Book", "guest-book-42c77bdc:"),
        ("日本", "actionhero-cf2abf0c:"),
    ],
)
def test_keys_begin_with_the_name_of_the_application(name: str, prefix: str) -> None:
    """Two applications on one Redis never meet, also where their names look alike."""
    assert RedisSettings().prefix_for(name) == prefix


@pytest.mark.parametrize("prefix", ["shop", "shop:"])
def test_the_prefix_may_be_chosen(prefix: str) -> None:
    """With a colon behind it or without makes no difference."""
    assert RedisSettings(prefix=prefix).prefix_for("guestbook") == "shop:"


@pytest.mark.parametrize("prefix", ["", ":", " ", "a b"])
def test_nothing_is_ever_written_without_a_prefix(tmp_path: Path, prefix: str) -> None:
    """A prefix that is none is refused rather than passed over."""
    (tmp_path / "actionhero.toml").write_text(f'[redis]\nprefix = "{prefix}"', encoding="utf-8")

    with pytest.raises(PluginError, match=r"redis\.prefix"):
        load(tmp_path).refuse_problems()
