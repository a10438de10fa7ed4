"""The files of a wheelhouse beside its packages: constraints, licences, audit and checksums."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pathlib import Path

#: The prefix of our own packages, which no advisory database contains.
OWN = "actionhero"
CHECKSUMS = "SHA256SUMS"
#: Licences with obligations that a framework must not pass on.
COPYLEFT = ("AGPL", "GPL-2", "GPL-3", "GNU GENERAL PUBLIC", "GNU AFFERO")


def fail(message: str) -> NoReturn:
    """Exit with 1 and a message."""
    sys.exit(f"wheelhouse: {message}")


def components(sbom: Path) -> list[dict[str, Any]]:
    """Return the packages in an SBOM of CycloneDX, by name."""
    items: list[dict[str, Any]] = json.loads(sbom.read_text("utf-8"))["components"]
    return sorted(items, key=lambda component: component["name"].lower())


def is_own(component: dict[str, Any]) -> bool:
    """Return whether a package is one of this repository."""
    name = str(component["name"]).lower().replace("_", "-")
    return name == OWN or name.startswith(f"{OWN}-") or name == f"pytest-{OWN}"


def write_constraints(sbom: Path, output: Path) -> None:
    """Write the versions of all dependencies, as `pip install --constraint` reads them."""
    lines = [f"{item['name']}=={item['version']}" for item in components(sbom) if not is_own(item)]
    output.write_text("\n".join([*lines, ""]), encoding="utf-8")


def licences_of(component: dict[str, Any]) -> list[str]:
    """Return the identifiers, expressions or names of the licences of a package."""
    names = []
    for choice in component.get("licenses", ()):
        licence = choice.get("license", {})
        name = choice.get("expression") or licence.get("id") or licence.get("name")
        # Some packages have the whole text in the place of the name.
        if name and "\n" not in name and name not in names:
            names.append(name)
    return names


def write_licences(sbom: Path, output: Path, packages: Path) -> None:
    """Write the licences of all packages; fail for an unknown licence, and for copyleft alone.

    Args:
        sbom: The SBOM.
        output: The file.
        packages: The folder `site-packages`, for licences that the SBOM does not contain because
            they are described in the words of their author.
    """
    described = {
        item.metadata["Name"]: item.metadata["License"].strip()
        for item in distributions(path=[str(packages)])
        if "License" in item.metadata
    }
    rows, problems = [], []
    for component in components(sbom):
        description = described.get(component["name"], "")
        names = licences_of(component) or ([description] if description else [])
        label = f"{component['name']} {component['version']}"
        rows.append(f"{label}: {'; '.join(names) or 'unknown'}")
        if not names:
            problems.append(f"{label} has no licence in its metadata")
        elif all(_is_copyleft(name) for name in names):
            problems.append(f"{label} has the licence {'; '.join(names)}")
    output.write_text("\n".join([*rows, ""]), encoding="utf-8")
    if problems:
        fail("; ".join(problems) + "; replace the package, or depend on it in an extra")


def _is_copyleft(name: str) -> bool:
    text = name.upper()
    is_lesser = "LGPL" in text or "LESSER" in text
    return any(part in text for part in COPYLEFT) and not is_lesser and " OR " not in text


def audit(constraints: Path, command: list[str]) -> str:
    """Look up known vulnerabilities of all dependencies; fail if one could not be looked up.

    Args:
        constraints: The file of `write_constraints`.
        command: The command of pip-audit.

    Returns:
        A line for the log.
    """
    process = subprocess.run(  # noqa: S603 - the command of the session
        [*command, "--no-deps", "--disable-pip", "--format=json", f"--requirement={constraints}"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        dependencies = json.loads(process.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = process.stderr.strip().splitlines() or ["no output"]
        fail(f"the audit did not take place: {lines[-1]}")
    expected = len(constraints.read_text("utf-8").split())
    skipped = [item["name"] for item in dependencies if "skip_reason" in item]
    if skipped or len(dependencies) < expected:
        fail(
            f"{len(skipped) or expected - len(dependencies)} of {expected} packages were not "
            f"audited, as no advisory database that can be reached has them "
            f"({', '.join(skipped[:3])} …); run it where the advisories of PyPI are available, or "
            "build without an audit: nox -s dist -- --without-audit"
        )
    vulnerable = [
        f"{item['name']} {item['version']}: {', '.join(entry['id'] for entry in item['vulns'])}"
        for item in dependencies
        if item["vulns"]
    ]
    if vulnerable:
        fail("known vulnerabilities: " + "; ".join(vulnerable) + "; require fixed versions")
    return f"{expected} packages audited, no known vulnerabilities\n"


def write_checksums(folder: Path) -> None:
    """Write the SHA-256 of each file, as `sha256sum --check` reads them."""
    hidden = (CHECKSUMS, ".")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(hidden))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
