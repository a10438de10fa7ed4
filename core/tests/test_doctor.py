"""The checks of `actionhero doctor --deploy` for the settings of core."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from actionhero import App
from actionhero.cli.doctor import examine
from actionhero.settings.sources import read_sources

if TYPE_CHECKING:
    from pathlib import Path


def findings_of(folder: Path, key: str | None) -> list[str]:
    """Return the findings about the secret key in production."""
    environ = {"ACTIONHERO_ENV": "production"}
    if key is not None:
        environ["ACTIONHERO_APP__SECRET_KEY"] = key
    app = App.from_plugins([], read_sources(folder, environ=environ))
    return [item.finding for item in examine(app, deploy=True) if item.check == "app.secret_key"]


@pytest.mark.parametrize("key", ["secret", "a" * 64, "change-me" * 8, "0123456789abcdef"])
def test_a_weak_secret_key_is_reported(tmp_path: Path, key: str) -> None:
    assert findings_of(tmp_path, key) == ["warning"]


@pytest.mark.parametrize("generate", [secrets.token_hex, secrets.token_urlsafe])
def test_a_generated_secret_key_is_not_reported(tmp_path: Path, generate: object) -> None:
    assert callable(generate)

    assert findings_of(tmp_path, generate(32)) == []


def test_a_missing_secret_key_is_a_failure(tmp_path: Path) -> None:
    assert findings_of(tmp_path, None) == ["failed"]
