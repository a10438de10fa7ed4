"""The files that `nox -s dist` creates, and the installation from its folder."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.conftest import ROOT, UV

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def load_module() -> Any:
    """Return the module of the session, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("wheelhouse", ROOT / ".ci" / "wheelhouse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wheelhouse: Final = load_module()


def component(name: str, *licences: dict[str, Any]) -> dict[str, Any]:
    """Return a package as an SBOM contains it."""
    return {"name": name, "version": "1.0", "licenses": list(licences)}


def write_sbom(folder: Path, *components: dict[str, Any]) -> Path:
    """Write the part of an SBOM that the script reads."""
    path = folder / "sbom.json"
    path.write_text(json.dumps({"components": components}))
    return path


MIT = {"license": {"id": "MIT"}}


def test_constraints_contain_the_versions_of_dependencies(tmp_path: Path) -> None:
    """Our own packages are not in the index that is audited."""
    names = ("Zlib", "actionhero", "actionhero-web", "pytest-actionhero", "aiohttp")
    sbom = write_sbom(tmp_path, *(component(name, MIT) for name in names))

    wheelhouse.write_constraints(sbom, tmp_path / "out")

    assert (tmp_path / "out").read_text() == "aiohttp==1.0\nZlib==1.0\n"


def test_licences_are_listed(tmp_path: Path) -> None:
    """A licence can be an identifier, an expression, a name, or a description in the metadata."""
    metadata = tmp_path / "described-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: described\nVersion: 1.0\nLicense: As it is\n")
    sbom = write_sbom(
        tmp_path,
        component("chosen", {"expression": "GPL-3.0-only OR MIT"}),
        component("described"),
        component("lesser", {"license": {"id": "LGPL-3.0-or-later"}}),
        component("named", {"license": {"name": "Zope"}}, {"license": {"name": "A\nlong text"}}),
    )

    wheelhouse.write_licences(sbom, tmp_path / "out", tmp_path)

    assert (tmp_path / "out").read_text().splitlines() == [
        "chosen 1.0: GPL-3.0-only OR MIT",
        "described 1.0: As it is",
        "lesser 1.0: LGPL-3.0-or-later",
        "named 1.0: Zope",
    ]


@pytest.mark.parametrize(
    ("licences", "problem"),
    [
        ((), "x 1.0 has no licence in its metadata"),
        (({"license": {"id": "AGPL-3.0-only"}},), "x 1.0 has the licence AGPL-3.0-only"),
        (
            ({"license": {"name": "GNU General Public License v3"}},),
            "x 1.0 has the licence GNU General Public License v3",
        ),
    ],
)
def test_unknown_and_copyleft_licences_fail(
    tmp_path: Path, licences: tuple[dict[str, Any], ...], problem: str
) -> None:
    """The list is written nevertheless."""
    sbom = write_sbom(tmp_path, component("x", *licences), component("y", MIT))

    with pytest.raises(SystemExit, match=f"wheelhouse: {problem}; replace the package"):
        wheelhouse.write_licences(sbom, tmp_path / "out", tmp_path)

    assert "y 1.0: MIT" in (tmp_path / "out").read_text()


AUDITED = {"name": "a", "version": "1.0", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found"}
VULNERABLE = {"name": "b", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ([AUDITED, VULNERABLE], "known vulnerabilities: b 2.0: PYSEC-1, PYSEC-2; require fixed"),
        ([AUDITED, SKIPPED], "1 of 2 packages were not audited"),
        ([AUDITED], "1 of 2 packages were not audited"),
        (None, "the audit did not take place: ConnectionError: no route"),
    ],
    ids=["vulnerability", "skipped package", "missing package", "no network"],
)
def test_an_audit_without_a_complete_result_fails(
    tmp_path: Path, output: list[dict[str, Any]] | None, message: str
) -> None:
    """pip-audit itself succeeds if it has skipped all packages."""
    with pytest.raises(SystemExit, match=message):
        audit(tmp_path, output)


def test_an_audit_of_all_packages_succeeds(tmp_path: Path) -> None:
    """The log contains their number."""
    line = audit(tmp_path, [AUDITED, {**AUDITED, "name": "b"}])

    assert line == "2 packages audited, no known vulnerabilities\n"


def audit(folder: Path, output: list[dict[str, Any]] | None) -> str:
    """Audit two packages with a program that writes `output`, or an error."""
    constraints = folder / "constraints.txt"
    constraints.write_text("a==1.0\nb==2.0\n")
    program = folder / "audit.py"
    text = json.dumps({"dependencies": output}) if output is not None else ""
    program.write_text(f"import sys; print({text!r}); print({NO_ROUTE!r}, file=sys.stderr)")
    line: str = wheelhouse.audit(constraints, [sys.executable, str(program)])
    return line


NO_ROUTE = "Traceback …\nConnectionError: no route"


def test_checksums_are_verified_by_sha256sum(tmp_path: Path, program: Callable[[str], str]) -> None:
    """Hidden files, and the checksums of an earlier run, have none."""
    for name in ("b.whl", "a.tar.gz", ".gitignore", "SHA256SUMS"):
        (tmp_path / name).write_text(name)

    wheelhouse.write_checksums(tmp_path)
    command = [program("sha256sum"), "--check", "--strict", "SHA256SUMS"]
    check = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (check.returncode, check.stdout) == (0, "a.tar.gz: OK\nb.whl: OK\n")


def test_packages_are_installed_from_the_folder(tmp_path: Path, wheel_folder: Path) -> None:
    """Without a project of that name on the index."""
    if UV is None:
        pytest.skip("the program 'uv' is not on PATH")
    python = tmp_path / "venv" / "bin" / "python"
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for command in (
        ["venv", "--python", sys.executable, str(tmp_path / "venv")],
        ["pip", "install", "--python", str(python), "--find-links", wheel_folder, "actionhero-web"],
    ):
        subprocess.run([UV, *command, "--quiet", "--no-config"], check=True, env=environ)

    listed = subprocess.run(
        [python.parent / "actionhero", "plugins", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "web" in {plugin["name"] for plugin in json.loads(listed.stdout)}
