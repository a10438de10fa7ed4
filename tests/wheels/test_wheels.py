"""The packages as they are installed: from wheels, each alone, with no source tree in sight."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


class Environment:
    """A fresh environment of Python.

    Args:
        folder: Where it is made.
        wheels: The folder of our wheels.
    """

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.python = folder / "bin" / "python"
        self.program = folder / "bin" / "actionhero"
        self._wheels = wheels
        if UV is not None:
            self._run(UV, "venv", "--quiet", "--python", sys.executable, str(folder))
        else:
            self._run(sys.executable, "-m", "venv", str(folder))

    def install(self, *names: str) -> None:
        """Install packages of ours by their names, or others by the paths of their wheels."""
        given = [name if "/" in name else str(self._wheel(name)) for name in names]
        self._pip("install", "--find-links", str(self._wheels), *given)

    def install_from(self, project: Path) -> None:
        """Install a project from its folder, so that it is used as it is changed."""
        self._pip("install", "--find-links", str(self._wheels), "--editable", str(project))

    def uninstall(self, name: str) -> None:
        """Uninstall a package."""
        self._pip("uninstall", name, *(() if UV else ("--yes",)))

    def distributions(self) -> set[str]:
        """Return the names of all that is installed."""
        code = (
            "import importlib.metadata as m, json;"
            "print(json.dumps([d.name for d in m.distributions()]))"
        )
        return set(json.loads(self._run(str(self.python), "-c", code)))

    def _wheel(self, name: str) -> Path:
        [wheel] = self._wheels.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
        return wheel

    def _pip(self, command: str, *arguments: str) -> None:
        if UV is not None:
            self._run(UV, "pip", command, "--quiet", "--python", str(self.python), *arguments)
        else:
            self._run(str(self.python), "-m", "pip", command, "--quiet", *arguments)

    def _run(self, *command: str) -> str:
        ended = subprocess.run(
            command, cwd=self._wheels, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
        return ended.stdout


@pytest.fixture
def environment(place: Place, tmp_path: Path, wheel_folder: Path) -> Environment:
    """Give a fresh environment, whose `actionhero` is run in the folder of the place."""
    made = Environment(tmp_path / "environment", wheel_folder)
    place.program = (str(made.program),)
    # All that is installed is switched on.
    place.enabled = []
    return made


def called(place: Place, *arguments: str, **variables: str) -> Any:
    """Return the value of a call from the shell."""
    ended = place.run("call", *arguments, **variables)
    assert (ended.code, ended.stderr) == (0, ""), ended
    return json.loads(ended.stdout)


def asked(place: Place, *paths: str, **variables: str) -> list[tuple[int, Any]]:
    """Start the server, and return status and body of what is answered at each path."""
    server = place.start("start", "--port", "0", **variables)
    port = int(server.wait_for(r"listening on http://[\w.]+:(\d+)")[1])
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    answers = []
    for path in paths:
        client.request("GET", path)
        response = client.getresponse()
        answers.append((response.status, json.loads(response.read())))
    client.close()
    assert server.stop().code == 0
    return answers


def names_of(place: Place, listing: str, **variables: str) -> list[str]:
    """Return the names in a listing."""
    ended = place.run(listing, "--format", "json", **variables)
    assert (ended.code, ended.stderr) == (0, ""), ended
    return [row["name"] for row in json.loads(ended.stdout)]


def test_each_package_adds_what_it_is_for_and_no_more(
    environment: Environment, place: Place
) -> None:
    """Core alone calls actions; HTTP and greetings come with their packages, and go with them."""
    environment.install("actionhero")

    there = environment.distributions()
    assert "aiohttp" not in there
    assert not {name for name in there if name.startswith("actionhero-")}
    assert called(place, "status")["healthy"] is True
    assert names_of(place, "plugins") == ["core"]
    assert place.run("routes").code == 2
    nothing = place.run("start")
    assert nothing.code == 78
    assert "there is no server to start; install one, such as actionhero-web" in nothing.stderr
    assert place.run("doctor").code == 0

    environment.install("actionhero-web")

    assert names_of(place, "plugins") == ["core", "web"]
    [(status, document), (nowhere, _)] = asked(place, "/api/status", "/api/hello?name=Ada")
    assert (status, document["name"]) == (200, "actionhero")
    assert nowhere == 404

    environment.install("actionhero-hello")

    assert names_of(place, "plugins") == ["core", "hello", "web"]
    assert called(place, "hello", "--name", "Ada") == {"greeting": "Hello, Ada!"}
    assert asked(place, "/api/hello?name=Ada") == [(200, {"greeting": "Hello, Ada!"})]
    assert place.run("doctor").code == 0

    switched_off = {"ACTIONHERO_PLUGINS__DISABLED": "hello"}
    assert names_of(place, "actions", **switched_off) == ["status"]
    assert place.run("call", "hello", "--name", "Ada", **switched_off).code == 2
    assert asked(place, "/api/hello?name=Ada", **switched_off)[0][0] == 404

    environment.uninstall("actionhero-hello")

    assert names_of(place, "actions") == ["status"]
    assert names_of(place, "plugins") == ["core", "web"]


PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "actionhero-weather"
    version = "2.7.1"
    requires-python = ">=3.11"
    dependencies = ["actionhero>=0.1,<1"]

    [project.entry-points.actionhero]
    weather = "actionhero_weather.plugin"

    [tool.hatch.build.targets.wheel]
    packages = ["src/actionhero_weather"]
"""

PLUGIN = '''
    """What this package adds to ActionHero."""

    from __future__ import annotations

    from typing import TYPE_CHECKING

    from actionhero import hookimpl

    if TYPE_CHECKING:
        from actionhero import Action


    @hookimpl
    def actionhero_actions() -> list[type[Action]]:
        from actionhero_weather.forecast import Forecast

        return [Forecast]
'''

FORECAST = '''
    """The weather of tomorrow."""

    from __future__ import annotations

    from actionhero import Action, Call, Field, Inputs


    class ForecastInputs(Inputs):
        city: str = Field(description="Where.")


    class Forecast(Action):
        """Tell the weather of tomorrow."""

        name = "weather:forecast"
        web = "GET /weather/{city}"

        async def run(self, inputs: ForecastInputs, call: Call) -> str:
            return f"Rain in {inputs.city}"
'''


def test_a_plugin_of_somebody_else_is_built_installed_and_found(
    environment: Environment, place: Place, tmp_path: Path
) -> None:
    """From an empty folder to an answer by every door, without a word to anybody."""
    project = tmp_path / "actionhero-weather"
    place.write(f"{project}/pyproject.toml", PYPROJECT)
    place.write(f"{project}/src/actionhero_weather/__init__.py", "")
    place.write(f"{project}/src/actionhero_weather/plugin.py", PLUGIN)
    place.write(f"{project}/src/actionhero_weather/forecast.py", FORECAST)

    environment.install("actionhero", "actionhero-web", str(build(project)))

    rows = json.loads(place.run("plugins", "--format", "json").stdout)
    [row] = [row for row in rows if row["name"] == "weather"]
    assert row["state"] == "active"
    assert (row["distribution"], row["version"]) == ("actionhero-weather", "2.7.1")
    assert row["hooks"] == ["actionhero_actions"]
    assert called(place, "weather:forecast", "--city", "Ulm") == "Rain in Ulm"
    assert asked(place, "/api/weather/Ulm") == [(200, "Rain in Ulm")]
    versions = json.loads(place.run("version", "--format", "json").stdout)
    assert {"name": "actionhero-weather", "version": "2.7.1"} in versions


def build(project: Path) -> Path:
    """Return the wheel of a project."""
    folder = project / "dist"
    if UV is not None:
        command = [UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(project)]
    else:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--wheel-dir", str(folder), str(project)]
    subprocess.run(command, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def test_every_wheel_has_its_types_and_no_tests(wheel_folder: Path) -> None:
    """What a user installs is the package, its marker for type checkers, and its license."""
    import zipfile

    wheels = sorted(wheel_folder.glob("actionhero*.whl"))

    assert len(wheels) >= 3
    for wheel in wheels:
        package = wheel.name.partition("-")[0]
        names = zipfile.ZipFile(wheel).namelist()
        assert f"{package}/py.typed" in names
        tops = {name.partition("/")[0] for name in names}
        assert tops == {package, next(top for top in tops if top.endswith(".dist-info"))}
        assert any(name.endswith("licenses/LICENSE") for name in names)
        # A template of a test is none.
        modules = [name for name in names if name.endswith(".py")]
        assert not any("test_" in name or "conftest" in name for name in modules)
