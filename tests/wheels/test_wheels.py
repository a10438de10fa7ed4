"""The packages as installed: from wheels, each on its own, without a source tree."""

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
    """A fresh Python environment.

    Args:
        folder: Its folder.
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
        requirements = [name if "/" in name else str(self._wheel(name)) for name in names]
        self._install(*requirements)

    def install_from(self, project: Path) -> None:
        """Install a project from its folder in editable mode."""
        self._install("--editable", str(project))

    def uninstall(self, name: str) -> None:
        """Uninstall a package."""
        self._pip("uninstall", name, *(() if UV else ("--yes",)))

    def distributions(self) -> set[str]:
        """Return the names of all installed distributions."""
        code = (
            "import importlib.metadata as m, json;"
            "print(json.dumps([d.name for d in m.distributions()]))"
        )
        return set(json.loads(self._run(str(self.python), "-c", code)))

    def _install(self, *requirements: str) -> None:
        options = ["--find-links", str(self._wheels)]
        if UV is not None:
            # uv caches the wheels of a folder by their names, and a new build has the same names.
            names = [path.name.partition("-")[0] for path in self._wheels.glob("*.whl")]
            options += [f"--refresh-package={name}" for name in names]
        self._pip("install", *options, *requirements)

    def _wheel(self, name: str) -> Path:
        [wheel] = self._wheels.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
        return wheel

    def _pip(self, command: str, *arguments: str) -> None:
        if UV is not None:
            self._run(UV, "pip", command, "--quiet", "--python", str(self.python), *arguments)
        else:
            self._run(str(self.python), "-m", "pip", command, "--quiet", *arguments)

    def _run(self, *command: str) -> str:
        completed = subprocess.run(
            command, cwd=self._wheels, capture_output=True, text=True, check=False
        )
        assert completed.returncode == 0, f"{command}\n{completed.stdout}{completed.stderr}"
        return completed.stdout


@pytest.fixture
def environment(place: Place, tmp_path: Path, wheel_folder: Path) -> Environment:
    """Return a fresh environment, whose `actionhero` runs in the folder of `place`."""
    environment = Environment(tmp_path / "environment", wheel_folder)
    place.program = (str(environment.program),)
    # An empty list enables all installed plugins.
    place.enabled = []
    return environment


def call(place: Place, *arguments: str, **variables: str) -> Any:
    """Call an action from the shell, and return its result."""
    command = place.run("call", *arguments, **variables)
    assert (command.code, command.stderr) == (0, ""), command
    return json.loads(command.stdout)


def request(place: Place, *paths: str, **variables: str) -> list[tuple[int, Any]]:
    """Start the server, and return status and body of the response for each path."""
    server = place.start("start", "--port", "0", **variables)
    port = int(server.wait_for(r"listening on http://[\w.]+:(\d+)")[1])
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    responses = []
    for path in paths:
        client.request("GET", path)
        response = client.getresponse()
        responses.append((response.status, json.loads(response.read())))
    client.close()
    assert server.stop().code == 0
    return responses


def names_of(place: Place, listing: str, **variables: str) -> list[str]:
    """Return the names in a listing."""
    command = place.run(listing, "--format", "json", **variables)
    assert (command.code, command.stderr) == (0, ""), command
    return [row["name"] for row in json.loads(command.stdout)]


def test_a_package_adds_and_removes_its_capability(environment: Environment, place: Place) -> None:
    """Core alone calls actions; HTTP and the greeting come and go with their packages."""
    environment.install("actionhero")

    distributions = environment.distributions()
    assert "aiohttp" not in distributions
    assert not {name for name in distributions if name.startswith("actionhero-")}
    assert call(place, "status")["healthy"] is True
    assert names_of(place, "plugins") == ["core"]
    assert place.run("routes").code == 2
    start = place.run("start")
    assert start.code == 78
    assert "there is no server to start; install one, such as actionhero-web" in start.stderr
    assert place.run("doctor").code == 0

    environment.install("actionhero-web")

    assert names_of(place, "plugins") == ["core", "web"]
    [(status, document), (missing, _)] = request(place, "/api/status", "/api/hello?name=Ada")
    assert (status, document["name"]) == (200, "actionhero")
    assert missing == 404

    environment.install("actionhero-hello")

    assert names_of(place, "plugins") == ["core", "hello", "web"]
    assert call(place, "hello", "--name", "Ada") == {"greeting": "Hello, Ada!"}
    assert request(place, "/api/hello?name=Ada") == [(200, {"greeting": "Hello, Ada!"})]
    assert place.run("doctor").code == 0

    disabled = {"ACTIONHERO_PLUGINS__DISABLED": "hello"}
    assert names_of(place, "actions", **disabled) == ["status"]
    assert place.run("call", "hello", "--name", "Ada", **disabled).code == 2
    assert request(place, "/api/hello?name=Ada", **disabled)[0][0] == 404

    environment.uninstall("actionhero-hello")

    assert names_of(place, "actions") == ["status"]
    assert names_of(place, "plugins") == ["core", "web"]


PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "actionhero-{name}"
    version = "2.7.1"
    requires-python = ">=3.11"
    dependencies = ["actionhero>=0.1,<1"]

    [project.entry-points.actionhero]
    {name} = "actionhero_{name}.plugin"

    [tool.hatch.build.targets.wheel]
    packages = ["src/actionhero_{name}"]
"""

PLUGIN = '''
    """The contributions of this package to ActionHero."""

    from __future__ import annotations

    from typing import TYPE_CHECKING

    from actionhero import hookimpl

    if TYPE_CHECKING:
        from actionhero import Action, Initializer


    @hookimpl
    def actionhero_hookspecs() -> list[object]:
        from actionhero_weather import hookspecs

        return [hookspecs]


    @hookimpl
    def actionhero_initializers() -> list[Initializer]:
        from actionhero_weather.forecast import StationsInitializer

        return [StationsInitializer()]


    @hookimpl
    def actionhero_actions() -> list[type[Action]]:
        from actionhero_weather.forecast import Forecast

        return [Forecast]
'''

HOOKSPECS = '''
    """The hook of this package."""

    from __future__ import annotations

    from typing import TYPE_CHECKING

    import pluggy

    if TYPE_CHECKING:
        from collections.abc import Sequence

    hookspec = pluggy.HookspecMarker("actionhero")


    @hookspec
    def actionhero_weather_stations() -> Sequence[str] | None:
        """The names of further stations."""
'''

FORECAST = '''
    """The weather of tomorrow."""

    from __future__ import annotations

    from actionhero import Action, Application, Call, Field, Initializer, Inputs


    class Stations:
        def __init__(self, names: list[str]) -> None:
            self.names = names


    class StationsInitializer(Initializer):
        """Collects the stations of all plugins."""

        name = "weather"

        async def initialize(self, app: Application) -> None:
            found = app.plugins.collect("actionhero_weather_stations", str)
            app.provide(Stations, Stations(["Ulm", *(name for _, name in found)]))


    class ForecastInputs(Inputs):
        city: str = Field(description="The city.")


    class Forecast(Action):
        """Return the weather of tomorrow."""

        name = "weather:forecast"
        web = "GET /weather/{city}"

        async def run(self, inputs: ForecastInputs, call: Call) -> str:
            known = inputs.city in call.get(Stations).names
            return f"Rain in {inputs.city}" if known else f"No station in {inputs.city}"
'''

STATIONS = """
    from actionhero import hookimpl


    @hookimpl
    def actionhero_weather_stations():
        return ["Chur"]
"""


def test_third_party_plugins_are_built_installed_and_found(
    environment: Environment, place: Place, tmp_path: Path
) -> None:
    """From empty folders to a response over each transport, with a hook of a plugin's own."""
    weather, alps = tmp_path / "actionhero-weather", tmp_path / "actionhero-alps"
    for project, name in ((weather, "weather"), (alps, "alps")):
        place.write(f"{project}/pyproject.toml", PYPROJECT.format(name=name))
        place.write(f"{project}/src/actionhero_{name}/__init__.py", "")
    place.write(f"{weather}/src/actionhero_weather/plugin.py", PLUGIN)
    place.write(f"{weather}/src/actionhero_weather/hookspecs.py", HOOKSPECS)
    place.write(f"{weather}/src/actionhero_weather/forecast.py", FORECAST)
    place.write(f"{alps}/src/actionhero_alps/plugin.py", STATIONS)

    environment.install("actionhero", "actionhero-web", str(build(weather)))

    rows = json.loads(place.run("plugins", "--format", "json").stdout)
    [row] = [row for row in rows if row["name"] == "weather"]
    assert row["state"] == "active"
    assert (row["distribution"], row["version"]) == ("actionhero-weather", "2.7.1")
    assert "actionhero_actions" in row["hooks"]
    assert call(place, "weather:forecast", "--city", "Ulm") == "Rain in Ulm"
    assert request(place, "/api/weather/Ulm", "/api/weather/Chur") == [
        (200, "Rain in Ulm"),
        (200, "No station in Chur"),
    ]
    versions = json.loads(place.run("version", "--format", "json").stdout)
    assert {"name": "actionhero-weather", "version": "2.7.1"} in versions

    # The second plugin implements the hook of the first.
    environment.install(str(build(alps)))
    assert call(place, "weather:forecast", "--city", "Chur") == "Rain in Chur"

    # Without the first, nothing knows the hook.
    environment.uninstall("actionhero-weather")
    problems = place.run("doctor")
    assert problems.code != 0
    assert "actionhero_weather_stations" in problems.stdout + problems.stderr


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


def test_wheels_contain_types_and_no_tests(wheel_folder: Path) -> None:
    """A wheel contains the package, its marker for type checkers, and its license."""
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
        # Templates of tests are allowed.
        modules = [name for name in names if name.endswith(".py")]
        files = [name.rpartition("/")[2] for name in modules]
        assert not any(file.startswith("test_") or file == "conftest.py" for file in files)
