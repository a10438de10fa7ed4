"""What stands in a fence of a page is what a reader gets who types it in."""

from __future__ import annotations

import configparser
import json
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Block, Reader

#: What files for deployment are written in.
DEPLOYED = {"dockerfile", "dotenv", "nginx"}


def test_a_block_is_in_a_language_that_is_looked_at(block: Block) -> None:
    """Samples are well-formed, and none is in a language that no test reads."""
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
            # systemd writes one key many times.
            configparser.ConfigParser(strict=False).read_string(block.text)
        case "console":
            assert block.text.startswith("$ ")
        case language:
            # A program in TypeScript is compiled by who types in its page; the tutorial's page of
            # HTML and JavaScript is opened in a browser; files for deployment have tests of
            # their own, and what is `text` is listed below.
            assert language in {"html", "javascript", "markdown", "text", "typescript", *DEPLOYED}


@pytest.mark.timeout(300)  # An environment, packages, servers: a machine under load takes its time.
def test_who_types_in_a_page_gets_what_it_shows(
    played: Path, reader: Reader, blocks: dict[Path, list[Block]]
) -> None:
    """Its files are made and its commands run in order, in an empty folder; its samples run."""
    reader.play(blocks[played])
