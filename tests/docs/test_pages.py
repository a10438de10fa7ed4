"""The pages hang together: links lead somewhere, names exist, decisions have their parts."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs.conftest import READMES, blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TOUR = DOCS / "explanation" / "request-lifecycle.md"
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAME = re.compile(r"`(actionhero(?:_web)?(?:\.\w+)+)`")

each_decision = pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)


def anchors_of(page: Path) -> set[str]:
    """Return the names by which the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings)
    return {re.sub(r"[\s-]+", "-", heading) for heading in plain}


def test_every_link_leads_somewhere(page: Path) -> None:
    """A link within the project leads to a file that is there, and to a heading of it."""
    for target in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors_of(linked), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation() -> None:
    """No page can be read by those alone who know its address."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}

    assert leaves(navigation) == pages


def leaves(item: Any) -> set[str]:
    """Return the pages in a part of the navigation."""
    if isinstance(item, str):
        return {item}
    return set().union(*map(leaves, item.values() if isinstance(item, dict) else item))


def test_a_page_has_one_sentence_a_line(page: Path) -> None:
    """A change of one sentence is a change of one line."""
    prose = FENCED.sub("", page.read_text("utf-8"))

    for line in prose.splitlines():
        if not line.startswith(("|", "#", "<", "-", "    ")) and not re.match(r"\d+\. ", line):
            assert not re.search(r"[a-z`)*][.?!] [A-Z`\[]", line), f"{page.name}: {line}"


def test_a_page_makes_no_promises_of_ease(page: Path) -> None:
    """What is easy, a reader finds out; who finds it hard is not told that it is not."""
    text = page.read_text("utf-8").lower()

    assert re.findall(r"\b(?:simply|easy|easily|powerful|blazing|seamless\w*)\b", text) == []


def test_the_tour_tells_of_names_that_exist() -> None:
    """Each module, class and function on the way of a call is where the page says."""
    names = NAME.findall(TOUR.read_text("utf-8"))
    assert len(names) > 40

    for name in names:
        assert found(name), name


def found(name: str) -> bool:
    """Tell whether there is something at a dotted name."""
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
    ("folder", "left_out"),
    [
        ("core/src/actionhero", {"hookspecs"}),
        ("plugins/web/src/actionhero_web", {"hookspecs", "settings"}),
    ],
)
def test_the_tour_has_a_line_for_every_room(folder: str, left_out: set[str]) -> None:
    """A newcomer finds each module of the house in the table, and no other."""
    text = TOUR.read_text("utf-8")
    part = text.partition(f"`{folder}/`")[2].partition("\n\n| ")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in f"| {part}".splitlines()[2:]]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    rooms = {
        path.stem
        for path in (ROOT / folder).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem[0] != "_"
    }

    assert told - left_out == rooms - left_out


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_a_readme_quotes_the_files_of_its_package(readme: Path) -> None:
    """What it shows of the package is what is in the package."""
    for block in blocks_of(readme):
        file = readme.parent / (block.title or "")
        assert not file.is_file() or file.read_text("utf-8") == block.text, str(block)


def test_every_fence_of_a_page_is_looked_at(page: Path) -> None:
    """A fence that is indented, has no language or is drawn otherwise would pass by all tests."""
    fences = re.findall(r"^[ \t]*(?:```|~~~).*$", page.read_text("utf-8"), re.MULTILINE)
    told = [line for line in fences if re.match(r"```(?:$|\w+(?: title=\"[^\"]+\")?$)", line)]

    assert told == fences
    assert len(fences) == 2 * len(blocks_of(page))


#: Why a block that is only text is not typed in.
ONLY_TEXT = {
    "docs/deploy/containers.md": "a list of packages, which a test installs",
    "docs/explanation/request-lifecycle.md": "a request, as it comes over the wire",
    "docs/explanation/performance.md": "commands that measure for many minutes",
    "docs/how-to/tasks-page.md": "a password that is made up",
    "docs/how-to/tasks.md": "variables that name servers of yours",
    "docs/how-to/workers.md": "commands for machines that share a Redis",
    "docs/how-to/write-a-plugin.md": "a tree of files, which are made below it",
}


def test_what_is_only_text_is_no_command_and_no_program(page: Path) -> None:
    """Nothing that could be run is called text, so as not to be run."""
    named = page.relative_to(ROOT).as_posix() in ONLY_TEXT

    assert named == any(block.language == "text" for block in blocks_of(page))


def test_decisions_are_numbered_and_listed() -> None:
    """They are numbered without a gap, and the index has each by its title."""
    index = (DOCS / "decisions" / "index.md").read_text("utf-8")

    for number, path in enumerate(DECISIONS, 1):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        assert path.name.startswith(f"{number:04}-")
        assert title.startswith(f"{number}. ")
        assert f"| {number} | [{title.partition('. ')[2]}]({path.name}) |" in index


@each_decision
def test_a_decision_has_four_headings_and_fits_on_a_screen(path: Path) -> None:
    """It says where it stands and when, why, what, and what follows from it."""
    text = path.read_text("utf-8")

    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)

    assert headings == ["Status", "Context", "Decision", "Consequences"]
    assert re.search(r"^(?:Accepted|Superseded by .+), \d{4}-\d\d-\d\d\.$", text, re.MULTILINE)
    assert len(text.splitlines()) <= 40


def test_the_first_action_of_the_readme_takes_ten_lines() -> None:
    """What a visitor sees first is as short as we say it can be."""
    readme = (ROOT / "README.md").read_text("utf-8")
    first = readme.partition("```python")[2].partition("\n")[2].partition("```")[0]

    assert len([line for line in first.splitlines() if line.strip()]) == 10


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_a_command_of_the_readme_is_one_line_to_copy(name: str) -> None:
    """What CI takes from the README is what a visitor copies from it."""
    readme = (ROOT / "README.md").read_text("utf-8")
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme-command", name],
        capture_output=True,
        text=True,
        check=True,
    )

    [command] = printed.stdout.splitlines()

    assert readme.count(f"$ {command}\n") == 1
