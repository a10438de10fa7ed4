"""The settings of the section `redis`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import App, PluginError
from actionhero.settings.sources import read_sources
from actionhero_redis import RedisSettings, plugin

if TYPE_CHECKING:
    from pathlib import Path


def load(folder: Path, **environ: str) -> App:
    return App.from_plugins([plugin], read_sources(folder, environ=environ))


def test_the_variable_redis_url_sets_the_url(tmp_path: Path) -> None:
    """Hosting platforms set `REDIS_URL`."""
    app = load(tmp_path, REDIS_URL="redis://redis.example/1")

    assert str(app.get(RedisSettings).url) == "redis://redis.example/1"


def test_listed_urls_have_no_password(tmp_path: Path) -> None:
    """`actionhero config` masks it."""
    app = load(tmp_path, REDIS_URL="redis://ada:hunter2@redis.example/1")

    rows = {row.key: row.value for row in app.settings.rows() if row.section == "redis"}
    assert rows["url"] == "redis://ada:******@redis.example/1"
    assert "hunter2" not in f"{app.get(RedisSettings)!r} {rows}"


def test_an_invalid_url_is_refused_with_the_supported_ones(tmp_path: Path) -> None:
    """The message names the variable, and masks the password."""
    app = load(tmp_path, REDIS_URL="http://ada:hunter2@redis.example")

    with pytest.raises(PluginError) as raised:
        app.raise_for_problems()

    assert "REDIS_URL" in str(raised.value)
    assert "its scheme is not supported; supported URLs: redis://user" in str(raised.value)
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
def test_the_default_prefix_is_the_name_of_the_application(name: str, prefix: str) -> None:
    """Two applications never share a prefix, even if their names are similar."""
    assert RedisSettings().prefix_for(name) == prefix


@pytest.mark.parametrize("prefix", ["shop", "shop:"])
def test_the_colon_of_a_prefix_is_optional(prefix: str) -> None:
    """It is added if it is missing."""
    assert RedisSettings(prefix=prefix).prefix_for("guestbook") == "shop:"


@pytest.mark.parametrize("prefix", ["", ":", " ", "a b"])
def test_an_empty_prefix_is_refused(tmp_path: Path, prefix: str) -> None:
    """Every key has a prefix."""
    (tmp_path / "actionhero.toml").write_text(f'[redis]\nprefix = "{prefix}"', encoding="utf-8")

    with pytest.raises(PluginError, match=r"redis\.prefix"):
        load(tmp_path).raise_for_problems()
