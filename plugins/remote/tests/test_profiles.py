"""The file of profiles, which users may edit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import ConfigurationError
from actionhero_remote.profiles import ProfileFile

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://shop.example"
SECRET = "t0ken-of-ada"


def file_with(folder: Path, content: str) -> ProfileFile:
    """Return a file of profiles."""
    path = folder / "profiles.json"
    path.write_text(content)
    path.chmod(0o600)
    return ProfileFile(path)


def test_a_profile_has_its_credentials(tmp_path: Path) -> None:
    profiles = file_with(tmp_path, json.dumps({"shop": {"url": URL, "secret": SECRET}}))

    assert profiles.get("shop").credential().headers() == {"Authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    "facts",
    [
        {"url": 5},
        {"url": None},
        {"secret": 5},
        {"secret": [SECRET]},
        {"secret": f"{SECRET}\r\nX-Other: value"},
        {"secret": f"{SECRET}\0"},
        {"secret": f"{SECRET} é"},
        {"kind": "cookie"},
        {"kind": ["token"]},
        {"kind": "session", "cookie": "a\nb"},
        {"cookie": None},
        {"store": "elsewhere"},
        {"ca_file": 5},
        {"allow_http": "no"},
        {"unknown": 1},
    ],
    ids=repr,
)
def test_an_invalid_value_is_an_error_without_the_secret(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    """Before anything is sent, and with the remedy."""
    content = json.dumps({"shop": {"url": URL, "secret": SECRET, **facts}})

    with pytest.raises(ConfigurationError, match="is not a file of profiles; remove it") as raised:
        file_with(tmp_path, content).get("shop")

    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("content", ["", "[]", "[1]", '"text"', '{"shop": []}', '{"shop": null}'])
def test_another_content_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a file of profiles; remove it"):
        file_with(tmp_path, content).get("shop")
