#!/usr/bin/env python3
"""Build all packages in `dist/`, with SBOM, licences, checksums and audit: `nox -s dist`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import wheelhouse

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
#: An environment with all packages, as a user installs them.
ENVIRONMENT = Path(sys.prefix) / "installed"
PATTERNS = ("core", "plugins/*", "example-plugins/*")


def run(*command: str | Path) -> str:
    """Run a program that must succeed, and return its output."""
    sys.stdout.write(f"$ {' '.join(map(str, command))}\n")
    sys.stdout.flush()
    # The program of the environment of the session, also if that is not on PATH.
    program = shutil.which(command[0], path=f"{Path(sys.executable).parent}{os.pathsep}{PATH}")
    if program is None:
        wheelhouse.fail(f"the program {command[0]!r} is not on PATH")
    return subprocess.run(  # noqa: S603 - our own commands
        [program, *map(str, command[1:])], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


PATH = os.environ.get("PATH", "")


def requirement(folder: Path) -> str:
    """Return the requirement of a package with all its extras."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    extras = ",".join(project.get("optional-dependencies", ()))
    return f"{project['name']}[{extras}]" if extras else str(project["name"])


def main(arguments: list[str]) -> None:
    """Create all files; the audit comes last, so that the others are complete if it fails."""
    if set(arguments) - {"--without-audit"}:
        wheelhouse.fail(f"unknown arguments {arguments}; there is only --without-audit")
    shutil.rmtree(DIST, ignore_errors=True)
    folders = [path.parent for each in PATTERNS for path in ROOT.glob(f"{each}/pyproject.toml")]
    # The time of the last commit, so that the same source results in the same files.
    os.environ["SOURCE_DATE_EPOCH"] = run("git", "log", "-1", "--format=%ct").strip()
    for folder in sorted(folders):
        run("uv", "build", "--quiet", f"--out-dir={DIST}", folder)
    # An upload would fail with the same message, after others have succeeded.
    run("twine", "check", "--strict", *sorted(DIST.glob("*.whl")), *sorted(DIST.glob("*.tar.gz")))
    python = ENVIRONMENT / "bin" / "python"
    run("uv", "venv", "--quiet", "--clear", f"--python={sys.executable}", ENVIRONMENT)
    install = ("uv", "pip", "install", "--quiet", f"--python={python}", f"--find-links={DIST}")
    run(*install, *map(requirement, sorted(folders)))
    sbom, constraints = DIST / "actionhero.cdx.json", DIST / "constraints.txt"
    run("cyclonedx-py", "environment", "--output-reproducible", f"-o={sbom}", python)
    wheelhouse.write_constraints(sbom, constraints)
    [packages] = ENVIRONMENT.glob("lib/python*/site-packages")
    wheelhouse.write_licences(sbom, DIST / "LICENCES.txt", packages)
    wheelhouse.write_checksums(DIST)
    if not arguments:
        audit = Path(sys.executable).parent / "pip-audit"
        sys.stdout.write(wheelhouse.audit(constraints, [str(audit)]))


if __name__ == "__main__":
    main(sys.argv[1:])
