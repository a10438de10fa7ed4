"""`entry_points`: the same results as `importlib.metadata`."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib.metadata import entry_points as standard_entry_points
from typing import TYPE_CHECKING

import pytest

from actionhero.plugins.entry_points import entry_points, invalid_entry_points

if TYPE_CHECKING:
    from pathlib import Path


def distribution(folder: Path, name: str, entries: str, *, kind: str = "dist-info") -> None:
    metadata = folder / f"{name.replace('-', '_')}-1.5.{kind}"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text(entries)
    file = "METADATA" if kind == "dist-info" else "PKG-INFO"
    (metadata / file).write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.5\nRequires-Dist: actionhero>=0.1\n"
        "\nName: not-this-one\n"
    )


@pytest.mark.parametrize("group", ["console_scripts", "pytest11", "actionhero"])
def test_entry_points_are_those_of_the_standard_library(group: str) -> None:
    """For groups with entry points in the test environment."""
    expected = {
        (entry.name, entry.module, entry.dist.name, entry.dist.version)
        for entry in standard_entry_points(group=group)
        if entry.dist is not None
    }

    assert {item[:4] for item in entry_points(group)} == expected


@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_name_version_and_requirements_come_from_the_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Not from the name of the folder, which is normalized, nor from the description."""
    entries = "[other]\na = b\n\n[actionhero]\n# a comment\nclock = my_clock.plugin:thing [extra]\n"
    distribution(tmp_path, "my-clock", entries, kind=kind)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert entry_points("actionhero") == [
        ("clock", "my_clock.plugin", "my-clock", "1.5", ("actionhero>=0.1",), "thing")
    ]


def test_the_first_distribution_on_the_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for imports."""
    distribution(tmp_path / "a", "my-clock", "[actionhero]\nclock = first\n")
    distribution(tmp_path / "b", "My_Clock", "[actionhero]\nclock = second\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b"), "/nowhere"])

    assert [item.module_name for item in entry_points("actionhero")] == ["first"]


def test_entry_points_in_archives_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application can be shipped as one file."""
    archive = tmp_path / "application.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("clock-1.0.dist-info/METADATA", "Name: clock\nVersion: 1.0\n\n")
        file.writestr("clock-1.0.dist-info/entry_points.txt", "[actionhero]\nclock = clock\n")
    monkeypatch.setattr(sys, "path", [str(archive)])

    assert [item[:4] for item in entry_points("actionhero")] == [("clock", "clock", "clock", "1.0")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"[other]\nclock\n", "has no '=' in line 2: 'clock'"),
        (b"[actionhero]\nclock = clock\n; = 1\n;\n", "has no '=' in line 4: ';'"),
        (b"[actionhero]\n\xff = a\n", "is not UTF-8"),
    ],
)
def test_an_invalid_file_is_an_error_that_names_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, fault: str
) -> None:
    """For all groups: `importlib.metadata` fails for all distributions."""
    distribution(tmp_path, "my-clock", "")
    (tmp_path / "my_clock-1.5.dist-info" / "entry_points.txt").write_bytes(content)
    distribution(tmp_path, "fine", "# a comment\n[actionhero]\nfine = fine\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS", raising=False)
    with pytest.raises((TypeError, ValueError)):
        standard_entry_points(group="actionhero")

    [message] = invalid_entry_points()

    assert message.startswith(
        f"distribution 'my-clock' 1.5 is invalid: its entry_points.txt {fault}"
    )
    assert [item.name for item in entry_points("actionhero")] == ["fine"]
    assert os.environ.pop("PYDANTIC_DISABLE_PLUGINS") == "__all__"
