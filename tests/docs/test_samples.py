"""Tests of the samples: they are well-formed, and the commands print the shown output."""

from __future__ import annotations

import configparser
import json
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Block, PageRunner

#: The languages of deployment files.
DEPLOYMENT_LANGUAGES = {"dockerfile", "dotenv", "nginx"}


def test_block_is_well_formed(block: Block) -> None:
    """Each block is valid in its language, and each language is checked by a test."""
    match block.language:
        case "python":
            compile(block.text, str(block), "exec")
        case "toml":
            tomllib.loads(block.text)
        case "json":
            json.loads(block.text)
        case "yaml":
            assert all(yaml.safe_load_all(block.text))
        case "ini":
            # Units of systemd repeat keys.
            configparser.ConfigParser(strict=False).read_string(block.text)
        case "console":
            assert block.text.startswith("$ ")
        case language:
            # TypeScript is compiled by the commands of its page, the tutorial's HTML and
            # JavaScript are opened in a browser, deployment files have separate tests, and
            # the reasons for `text` are in test_pages.py.
            assert language in {
                "html",
                "javascript",
                "markdown",
                "text",
                "typescript",
                *DEPLOYMENT_LANGUAGES,
            }


@pytest.mark.timeout(300)  # Environments, packages and servers are slow on a busy machine.
def test_page_runs_as_shown(
    runnable_page: Path, runner: PageRunner, blocks: dict[Path, list[Block]]
) -> None:
    """In an empty folder, the files are created and the commands and samples run in order."""
    runner.run_all(blocks[runnable_page])
