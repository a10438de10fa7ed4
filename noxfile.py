"""The sessions of the workspace. `nox -l` lists them, `nox -s NAME` runs one."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint", "types"]

# Set in many images of containers: each of the hundreds of processes that the tests start would
# compile all modules again, which takes longer than the rest of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")

#: Each package's `pyproject.toml` and its folder, by the name of its distribution.
PACKAGES = {
    project["project"]["name"]: (path.parent, project)
    for pattern in ("core", "plugins/*", "example-plugins/*")
    for path in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))
    for project in [nox.project.load_toml(path)]
}
#: The versions of Python that all packages support.
PYTHONS = ("3.11", "3.12", "3.13")
PLUGINS = [nox.param(name, id=name.removeprefix("actionhero-")) for name in PACKAGES if "-" in name]


def needs(name: str) -> list[str]:
    """Return the packages of the workspace that one of them and its tests need, itself last."""
    names: list[str] = []
    project = PACKAGES[name][1]
    tests = project.get("dependency-groups", {}).get("test", [])
    for requirement in [*project["project"].get("dependencies", []), *tests]:
        needed = re.match(r"[\w.-]+", requirement)[0]
        if needed in PACKAGES and needed != name:
            names += needs(needed)
    return list(dict.fromkeys([*names, name]))


def install(session: nox.Session, *names: str, groups: tuple[str, ...] = ("test",)) -> None:
    """Install packages from their folders, with the dependencies of their tests."""
    requirements = [r for group in groups for r in nox.project.dependency_groups(GROUPS, group)]
    for name in names:
        folder, project = PACKAGES[name]
        extras = ",".join(project["project"].get("optional-dependencies", {}))
        requirements += ["-e", f"{folder}[{extras}]" if extras else f"{folder}"]
        if "test" in project.get("dependency-groups", {}):
            requirements += nox.project.dependency_groups(project, "test")
    session.install(*requirements)


def build(session: nox.Session) -> list[str]:
    """Build the wheel of every package, and return their paths."""
    folder = Path(session.virtualenv.location) / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    options = ("--quiet", "--wheel", "--all-packages", f"--out-dir={folder}")
    session.run_install("uv", "build", *options, str(ROOT))
    session.env["WHEEL_FOLDER"] = str(folder.resolve())
    return [str(wheel.resolve()) for wheel in sorted(folder.glob("*.whl"))]


@nox.session(reuse_venv=True)
def demo(session: nox.Session) -> None:
    """Start the main job: the chat, with all its dependencies."""
    folders = [PACKAGES[name][0] for name in needs("actionhero-chat")]
    # Nothing is installed again as long as no package has changed its declaration, so only the
    # first start needs the network.
    declared = "\n".join((folder / "pyproject.toml").read_text("utf-8") for folder in folders)
    installed = Path(session.virtualenv.location) / "installed.txt"
    if not installed.exists() or installed.read_text("utf-8") != declared:
        session.install(*(part for folder in folders for part in ("-e", str(folder))))
        installed.write_text(declared, "utf-8")
    # A folder of its own: no other settings file applies, and the next start finds the data.
    (ROOT / ".demo").mkdir(exist_ok=True)
    session.chdir(ROOT / ".demo")
    # It prints its URLs. Open calls finish before it stops, so stopping takes a moment.
    session.run(
        "actionhero", "start", *session.posargs, interrupt_timeout=30.0, terminate_timeout=5.0
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, four at a time, as most of them wait for other processes."""
    install(session, *PACKAGES, groups=("docs", "test", "workspace"))
    build(session)
    session.run("pytest", "--numprocesses=4", "--dist=worksteal", *session.posargs)


for version in PYTHONS:
    # Not the parameter `python` of `tests`, which would run it on each version.
    nox.session(tests, name=f"tests-{version}", python=version)


@nox.session
def core(session: nox.Session) -> None:
    """Run the tests of core with nothing else installed."""
    install(session, "actionhero")
    session.run("python", "-c", "import importlib.util as u; assert not u.find_spec('aiohttp')")
    session.run("pytest", "core/tests", *session.posargs)


@nox.session
@nox.parametrize("name", PLUGINS)
def plugin(session: nox.Session, name: str) -> None:
    """Run the tests of one plugin with its dependencies only: `nox -s "plugin(web)"`."""
    install(session, *needs(name))
    session.run("pytest", str(PACKAGES[name][0] / "tests"), *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build all wheels, install only the wheels, and run their tests."""
    session.install("uv", *nox.project.dependency_groups(GROUPS, "test"))
    session.install(*build(session))
    session.chdir(session.virtualenv.location)
    # No source tree is importable from here, so all imports come from the wheels.
    installed = "import actionhero, sys; sys.exit('site-packages' not in actionhero.__file__)"
    session.run("python", "-c", installed)
    session.run("pytest", str(ROOT / "tests" / "wheels"), *session.posargs)


@nox.session
def dist(session: nox.Session) -> None:
    """Build all packages in `dist/`, with SBOM, licences, checksums and audit."""
    session.install("uv", *nox.project.dependency_groups(GROUPS, "dist"))
    session.run("python", ".ci/dist.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting, and the direction of imports."""
    session.install(*nox.project.dependency_groups(GROUPS, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    sources = os.pathsep.join(str(folder / "src") for folder, _ in PACKAGES.values())
    for project in [ROOT, *(folder for folder, _ in PACKAGES.values())]:
        if "[tool.importlinter]" in (path := project / "pyproject.toml").read_text("utf-8"):
            session.run("lint-imports", "--config", str(path), env={"PYTHONPATH": sources})


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, and the code of users with pyright."""
    install(session, *PACKAGES, groups=("bench", "test", "types"))
    session.run("mypy", *(str(folder) for folder, _ in PACKAGES.values()), "tests")
    # On its own: to mypy, two modules called conftest without a package are one.
    session.run("mypy", "conftest.py")
    # Without it, pyright takes `.venv`, where our packages are not installed.
    session.run("basedpyright", "--pythonpath", f"{session.bin}/python")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into `site/`; a broken link is an error."""
    install(session, *PACKAGES, groups=("docs",))
    # The theme warns about the next major version of MkDocs, which we do not use.
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure our speed in comparison with other frameworks."""
    install(session, *PACKAGES, groups=("bench", "test"))
    session.run("python", "tests/benchmarks/run.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run the tests that take minutes."""
    install(session, *PACKAGES, groups=("test", "workspace"))
    session.run("pytest", "-m", "soak", "--timeout=1800", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """Check API documents with tools of others, from npm."""
    install(session, *PACKAGES, groups=("test", "workspace"))
    session.run("pytest", "-m", "contract", "tests/contract", *session.posargs)


@nox.session(name="mcp-conformance")
def mcp_conformance(session: nox.Session) -> None:
    """Check the endpoint of agents with the conformance suites and the inspector, from npm."""
    install(session, *PACKAGES, groups=("test", "workspace"))
    session.run("pytest", "-m", "contract", "-n", "0", "tests/conformance", *session.posargs)


@nox.session
def javascript(session: nox.Session) -> None:
    """Build the JavaScript client into `actionhero-websocket`, and run its tests."""
    install(session, *PACKAGES, groups=("test", "workspace"))
    session.run("pytest", "tests/clients", *session.posargs, env={"UPDATE_SERVED_CLIENT": "1"})
