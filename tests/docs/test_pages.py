"""Tests of the pages: links, names, navigation, style, and the structure of decisions."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs.conftest import READMES, TUTORIAL, blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LIFECYCLE = DOCS / "explanation" / "request-lifecycle.md"
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
#: The status of a decision, and a later correction.
STATUS = re.compile(
    r"^(?:Accepted|Superseded by .+), \d{4}-\d\d-\d\d\."
    r"(?: (?:Corrected|Reason corrected|Reversed), \d{4}-\d\d-\d\d(?:\.|: .+\.))?$",
    re.MULTILINE,
)
NAME = re.compile(r"`(actionhero(?:_web)?(?:\.\w+)+)`")

each_decision = pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings)
    return {re.sub(r"[\s-]+", "-", heading) for heading in plain}


def test_links_are_valid(page: Path) -> None:
    """The target of a relative link is an existing file and heading."""
    for target in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors_of(linked), f"{page.name}: {target}"


def test_navigation_lists_every_page() -> None:
    """Each page is reachable from the navigation."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}

    assert leaves(navigation) == pages


def leaves(item: Any) -> set[str]:
    """Return the pages in a section of the navigation."""
    if isinstance(item, str):
        return {item}
    return set().union(*map(leaves, item.values() if isinstance(item, dict) else item))


def test_page_has_one_sentence_per_line(page: Path) -> None:
    """A change of a sentence changes one line."""
    prose = FENCED.sub("", page.read_text("utf-8"))

    for line in prose.splitlines():
        if not line.startswith(("|", "#", "<", "-", "    ")) and not re.match(r"\d+\. ", line):
            assert not re.search(r"[a-z`)*][.?!] [A-Z`\[]", line), f"{page.name}: {line}"


def test_page_with_asynchronous_tests_names_their_setting(page: Path) -> None:
    """Without it, pytest refuses the tests of a reader; later pages of the tutorial have it."""
    text = page.read_text("utf-8")

    if page not in TUTORIAL[1:] and re.search(r"^async def test_", text, re.MULTILINE):
        assert re.search(r"asyncio_mode|pytest\.mark\.asyncio|test-an-action\.md#set-up", text)


def test_page_has_no_promotional_words(page: Path) -> None:
    """Pages describe features without judging them."""
    text = page.read_text("utf-8").lower()

    assert re.findall(r"\b(?:simply|easy|easily|powerful|blazing|seamless\w*)\b", text) == []


def test_names_in_the_request_lifecycle_exist() -> None:
    """Each module, class and function on the page can be imported."""
    names = NAME.findall(LIFECYCLE.read_text("utf-8"))
    assert len(names) > 40

    for name in names:
        assert exists(name), name


def exists(name: str) -> bool:
    """Return whether a dotted name can be resolved."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(value, attribute):
                return False
            value = getattr(value, attribute)
        return True
    return False


@pytest.mark.parametrize(
    ("folder", "omitted"),
    [
        ("core/src/actionhero", set()),
        ("plugins/web/src/actionhero_web", {"hookspecs", "settings"}),
    ],
)
def test_request_lifecycle_lists_every_module(folder: str, omitted: set[str]) -> None:
    """The table contains each module of the package, and no other names."""
    text = LIFECYCLE.read_text("utf-8")
    part = text.partition(f"`{folder}/`")[2].partition("\n\n| ")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in f"| {part}".splitlines()[2:]]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    modules = {
        path.stem
        for path in (ROOT / folder).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem[0] != "_"
    }

    assert listed - omitted == modules - omitted


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_readme_quotes_the_files_of_its_package(readme: Path) -> None:
    """A block with the title of an existing file has the text of this file."""
    for block in blocks_of(readme):
        file = readme.parent / (block.title or "")
        assert not file.is_file() or file.read_text("utf-8") == block.text, str(block)


def test_all_fences_are_recognized(page: Path) -> None:
    """Fences with indentation or without a language would be skipped by the tests."""
    fences = re.findall(r"^[ \t]*(?:```|~~~).*$", page.read_text("utf-8"), re.MULTILINE)
    recognized = [line for line in fences if re.match(r"```(?:$|\w+(?: title=\"[^\"]+\")?$)", line)]

    assert recognized == fences
    assert len(fences) == 2 * len(blocks_of(page))


#: The reasons for blocks in the language `text`, which are not run.
TEXT_BLOCKS = {
    "docs/how-to/cpu-bound-work.md": "a line of the log",
    "docs/deploy/https.md": "the configuration of Caddy",
    "docs/deploy/containers.md": "a list of packages, which a test installs",
    "docs/explanation/request-lifecycle.md": "the bytes of a request",
    "docs/explanation/performance.md": "benchmarks, which take many minutes",
    "docs/how-to/command-line.md": "the output on a terminal, and an interactive shell",
    "docs/how-to/dramatiq.md": "a command that runs until it is stopped",
    "docs/how-to/operating-systems.md": "an error on Windows",
    "docs/how-to/tasks-page.md": "a generated password",
    "docs/how-to/tasks.md": "variables with the addresses of servers",
    "docs/how-to/wheelhouse.md": "commands in a clone of the repository, which take minutes",
    "docs/how-to/workers.md": "commands for machines that share a Redis",
    "docs/how-to/write-a-plugin.md": "a tree of files, which the page creates",
}


def test_text_blocks_have_a_reason(page: Path) -> None:
    """A runnable block is not excluded from the tests by the language `text`."""
    has_reason = page.relative_to(ROOT).as_posix() in TEXT_BLOCKS

    assert has_reason == any(block.language == "text" for block in blocks_of(page))


def test_decisions_are_numbered_and_listed() -> None:
    """The numbers have no gaps, and the index lists each decision with its title."""
    index = (DOCS / "decisions" / "index.md").read_text("utf-8")

    for number, path in enumerate(DECISIONS, 1):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        assert path.name.startswith(f"{number:04}-")
        assert title.startswith(f"{number}. ")
        assert f"| {number} | [{title.partition('. ')[2]}]({path.name}) |" in index


@each_decision
def test_a_decision_has_four_headings_and_fits_on_a_screen(path: Path) -> None:
    """Each decision has a status with a date, a context, a decision and its consequences."""
    text = path.read_text("utf-8")

    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)

    assert headings == ["Status", "Context", "Decision", "Consequences"]
    assert STATUS.search(text)
    assert len(text.splitlines()) <= 40


def test_first_action_of_the_readme_has_ten_lines() -> None:
    """The first example stays short."""
    readme = (ROOT / "README.md").read_text("utf-8")
    first = readme.partition("```python")[2].partition("\n")[2].partition("```")[0]

    assert len([line for line in first.splitlines() if line.strip()]) == 10


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_readme_command_is_one_line(name: str) -> None:
    """The command that CI runs is the command in the README, in one line."""
    readme = (ROOT / "README.md").read_text("utf-8")
    run = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", name],
        capture_output=True,
        text=True,
        check=True,
    )

    [command] = run.stdout.splitlines()

    assert readme.count(f"$ {command}\n") == 1
