"""The sources of settings: files, variables and options, and their errors."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from actionhero.errors import ConfigurationError
from actionhero.settings.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from actionhero.settings.sources import Sources
    from actionhero.settings.values import SettingValue


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(environ: Mapping[str, str] | None = None, **options: Any) -> Sources:
    """Read the sources of the current folder, with `environ` as the only variables."""
    return read_sources(environ=environ or {}, **options)


def last(sources: Sources, *path: str) -> SettingValue:
    """Return the last value of a setting, with `PORT` as an alias of `web.port`."""
    values = [value for value in sources.values({"PORT": ("web", "port")}) if value.path == path]
    return values[-1]


def message(*, environ: Mapping[str, str] | None = None, location: Path | None = None) -> str:
    """Return the error of reading the sources of the current folder."""
    with pytest.raises(ConfigurationError) as caught:
        read(environ, location=location)
    return str(caught.value)


# The settings file


def test_missing_sources_are_not_an_error(folder: Path) -> None:
    """An application without a settings file has the defaults."""
    sources = read()

    assert list(sources.values({})) == []
    assert sources.root == folder
    assert sources.environment == "development"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("actionhero.toml", "[web]\nport = 8080\n"),
        ("actionhero.yaml", "web:\n  port: 8080\n"),
        ("actionhero.yml", "web: {port: 8080}\n"),
        ("actionhero.json", '{"web": {"port": 8080}}'),
        ("pyproject.toml", "[project]\nname = 'x'\n[tool.actionhero.web]\nport = 8080\n"),
    ],
)
def test_settings_files_have_four_formats(folder: Path, name: str, text: str) -> None:
    """TOML, YAML, JSON, or a table of `pyproject.toml`."""
    (folder / name).write_text(text)

    sources = read()

    assert last(sources, "web", "port").value == 8080


@pytest.mark.parametrize(
    ("name", "text", "origin"),
    [
        ("actionhero.toml", "\n[web]\nhost = 'a'\nport = 1\n", "actionhero.toml:4 web.port"),
        ("actionhero.toml", 'web."port" = 1\n', "actionhero.toml:1 web.port"),
        ("actionhero.toml", "web = {port = 1}\n", "actionhero.toml:1 web.port"),
        ("actionhero.yaml", "a:\n  port: 2\nweb:\n  port: 1\n", "actionhero.yaml:4 web.port"),
        (
            "actionhero.json",
            '{"a": {"port": [{"port": 1}]},\n"web": {\n"x": "port\\": {",\n"port": 1}}',
            "actionhero.json:4 web.port",
        ),
        ("actionhero.json", '{"web": {"port": 1}}', "actionhero.json:1 web.port"),
        (
            "pyproject.toml",
            "[tool.other.web]\nport = 2\n[tool.actionhero.web]\nport = 1\n",
            "pyproject.toml:4 tool.actionhero.web.port",
        ),
    ],
)
def test_values_have_file_line_and_key(folder: Path, name: str, text: str, origin: str) -> None:
    """Editors can open the location."""
    (folder / name).write_text(text)

    value = last(read(), "web", "port")

    assert str(value.origin) == origin


def test_paths_outside_of_the_current_folder_are_absolute(folder: Path) -> None:
    """Paths within it are relative."""
    (folder / "inner").mkdir()
    (folder / "inner" / "actionhero.toml").write_text("[web]\nport = 1\n")

    below = last(read(location=folder / "inner"), "web", "port")
    above = last(read(location=folder / "inner" / ".." / "inner"), "web", "port")

    assert str(below.origin) == "inner/actionhero.toml:2 web.port"
    assert str(above.origin).endswith("inner/actionhero.toml:2 web.port")


def test_parent_folders_are_not_searched(folder: Path) -> None:
    """Settings depend on one folder only."""
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")
    (folder / "inner").mkdir()

    sources = read(location=folder / "inner")

    assert sources.files == ()


def test_the_settings_file_can_be_selected(folder: Path) -> None:
    """Its overlay has the same stem."""
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")
    (folder / "other.toml").write_text("[web]\nport = 2\n")
    (folder / "other.production.toml").write_text("[web]\nhost = 'h'\n")

    sources = read({"ACTIONHERO_ENV": "production"}, location=folder / "other.toml")

    assert last(sources, "web", "port").value == 2
    assert last(sources, "web", "host").value == "h"
    assert sources.root == folder


def test_a_pyproject_file_can_be_selected(folder: Path) -> None:
    """Its overlay is actionhero.<environment>.toml."""
    (folder / "pyproject.toml").write_text("[tool.actionhero.web]\nport = 1\n")
    (folder / "actionhero.test.json").write_text('{"web": {"port": 2}}')

    sources = read({"ACTIONHERO_ENV": "test"}, location=folder / "pyproject.toml")

    assert last(sources, "web", "port").value == 2


@pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "[project]\nname = 'actionhero'\n"])
def test_a_pyproject_file_without_the_table_is_ignored(folder: Path, text: str) -> None:
    """A pyproject.toml next to actionhero.toml is normal."""
    (folder / "pyproject.toml").write_text(text)
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")

    sources = read()

    assert [file.path.name for file in sources.files] == ["actionhero.toml"]
    assert read(location=folder / "pyproject.toml").boot_settings().package is None


def test_several_settings_files_are_an_error(folder: Path) -> None:
    """The message lists them."""
    (folder / "actionhero.toml").write_text("")
    (folder / "actionhero.json").write_text("{}")
    (folder / "pyproject.toml").write_text("[tool.actionhero]\n")

    assert message() == (
        "found several settings files: 'actionhero.toml', 'actionhero.json', 'pyproject.toml'; "
        "keep one of them"
    )


def test_several_overlays_are_an_error(folder: Path) -> None:
    """The message lists them."""
    (folder / "actionhero.development.toml").write_text("")
    (folder / "actionhero.development.yml").write_text("")

    assert "'actionhero.development.toml', 'actionhero.development.yml'" in message()


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        (
            "actionhero.toml",
            "[web]\nport 1\n",
            "settings file 'actionhero.toml' is not valid TOML: Expected '=' after a key in a "
            "key/value pair (at line 2, column 6)",
        ),
        (
            "actionhero.json",
            '{"web": {\n"port" 1}}',
            "settings file 'actionhero.json' is not valid JSON: Expecting ':' delimiter: "
            "line 2 column 8 (char 17)",
        ),
        (
            "actionhero.yaml",
            "web:\n  key: 'hunter2\n  port: {\n",
            "settings file 'actionhero.yaml' is not valid YAML: found unexpected end of stream "
            "(at line 4, column 1)",
        ),
        (
            "actionhero.yaml",
            "a: \x00",
            "settings file 'actionhero.yaml' is not valid YAML: syntax error",
        ),
        (
            "pyproject.toml",
            "[tool.actionhero\n",
            "settings file 'pyproject.toml' is not valid TOML: Expected ']' at the end of a table "
            "declaration (at line 1, column 17)",
        ),
        (
            "actionhero.json",
            "[1]",
            "settings file 'actionhero.json' must contain a table of sections, not 'list'",
        ),
        (
            "pyproject.toml",
            "tool.actionhero = 3",
            "settings file 'pyproject.toml' must contain a table of sections, not 'int'",
        ),
    ],
)
def test_an_invalid_settings_file_is_an_error(
    folder: Path, name: str, text: str, error: str
) -> None:
    """The message contains the file and the line, and no value, which may be a password."""
    (folder / name).write_text(text)

    assert message() == error


def test_a_binary_settings_file_is_an_error(folder: Path) -> None:
    """The encoding is not guessed."""
    (folder / "actionhero.toml").write_bytes(b"\xff\xfe\x00")

    assert message() == (
        "cannot read settings file 'actionhero.toml': it is not UTF-8 text (at line 1)"
    )


def test_a_missing_settings_file_is_an_error(folder: Path) -> None:
    """It was selected explicitly."""
    assert message(location=folder / "no.toml") == "settings file 'no.toml' does not exist"


def test_an_unknown_format_is_an_error(folder: Path) -> None:
    """The message lists the supported ones."""
    (folder / "actionhero.ini").write_text("[web]\nport = 1\n")

    assert message(location=folder / "actionhero.ini") == (
        "settings file 'actionhero.ini' has an unknown format; "
        "use one of the suffixes .toml, .yaml, .yml, .json"
    )


def test_yaml_without_pyyaml_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra to install."""
    (folder / "actionhero.yaml").write_text("web: {}\n")
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert message() == (
        "settings file 'actionhero.yaml' requires PyYAML, which is not installed; "
        "pip install 'actionhero[yaml]', or write it as TOML"
    )


def test_an_empty_yaml_file_has_no_values(folder: Path) -> None:
    """It may contain comments only."""
    (folder / "actionhero.yaml").write_text("# later\n")

    assert list(read().values({})) == []


def test_yaml_keys_of_other_types_are_text(folder: Path) -> None:
    """`on:` in YAML is `true`; as a key it is text."""
    (folder / "actionhero.yaml").write_text("web:\n  1: {2: x}\n")

    assert last(read(), "web", "1").value == {"2": "x"}


def test_a_byte_order_mark_is_ignored(folder: Path) -> None:
    """Some editors write one."""
    (folder / "actionhero.json").write_text('\ufeff{"web": {"port": 1}}', encoding="utf-8")
    (folder / ".env").write_text("\ufeffACTIONHERO_WEB__HOST=h", encoding="utf-8")

    assert last(read(), "web", "port").value == 1
    assert last(read(), "web", "host").value == "h"


# The environment


def test_the_environment_is_set_by_a_variable(folder: Path) -> None:
    """`ACTIONHERO_ENV=production` is production."""
    assert read({"ACTIONHERO_ENV": "production"}).environment == "production"


def test_the_environment_can_be_set_in_dotenv(folder: Path) -> None:
    """The variable overrides the `.env` file."""
    (folder / ".env").write_text("ACTIONHERO_ENV=test\n")

    assert read().environment == "test"
    assert read({"ACTIONHERO_ENV": "production"}).environment == "production"


def test_an_empty_environment_is_unset(folder: Path) -> None:
    """`ACTIONHERO_ENV=` is the default."""
    assert read({"ACTIONHERO_ENV": ""}).environment == "development"


def test_an_unknown_environment_is_an_error(folder: Path) -> None:
    """`prod` is not silently development."""
    error = message(environ={"ACTIONHERO_ENV": "prod"})

    assert error == ("ACTIONHERO_ENV: unknown environment 'prod'; did you mean 'production'?")


def test_an_unknown_environment_in_dotenv_is_an_error(folder: Path) -> None:
    """The message contains the line."""
    (folder / ".env").write_text("A=1\n\nACTIONHERO_ENV=prod\n")

    assert message().startswith(".env:3 ACTIONHERO_ENV: unknown environment 'prod'")


# Variables


def test_later_sources_override_earlier_ones(folder: Path) -> None:
    """file < file of the environment < .env < variable < command line."""
    names = "abcde"
    (folder / "actionhero.toml").write_text("[s]\n" + "".join(f"{n} = 'file'\n" for n in names))
    (folder / "actionhero.development.toml").write_text(
        "[s]\n" + "".join(f"{n} = 'overlay'\n" for n in names[1:])
    )
    (folder / ".env").write_text("".join(f"ACTIONHERO_S__{n.upper()}=dotenv\n" for n in names[2:]))
    environ = {f"ACTIONHERO_S__{n.upper()}": "variable" for n in names[3:]}

    sources = read(environ, command_line={"s": {"e": "command line", "a": None}})

    values = {name: last(sources, "s", name) for name in names}
    assert [value.value for value in values.values()] == [
        "file",
        "overlay",
        "dotenv",
        "variable",
        "command line",
    ]
    assert [str(value.origin) for value in values.values()] == [
        "actionhero.toml:2 s.a",
        "actionhero.development.toml:2 s.b",
        ".env:1 ACTIONHERO_S__C",
        "ACTIONHERO_S__D",
        "command line s.e",
    ]


def test_variables_can_set_nested_keys(folder: Path) -> None:
    """Two underscores separate the levels; a whole value precedes its parts."""
    environ = {"ACTIONHERO_WEB__CORS__MAX_AGE": "1", "ACTIONHERO_WEB__CORS": "{}"}

    paths = [value.path for value in read(environ).values({})]

    assert paths == [("web", "cors"), ("web", "cors", "max_age")]


def test_well_known_variables_are_supported(folder: Path) -> None:
    """`PORT` sets the port; `ACTIONHERO_WEB__PORT` overrides it."""
    alone = last(read({"PORT": "1"}), "web", "port")
    both = last(read({"PORT": "1", "ACTIONHERO_WEB__PORT": "2"}), "web", "port")
    empty = list(read({"PORT": ""}).values({"PORT": ("web", "port")}))

    assert (alone.value, str(alone.origin)) == ("1", "PORT")
    assert (both.value, str(both.origin)) == ("2", "ACTIONHERO_WEB__PORT")
    assert empty == []


def test_dotenv_never_overrides_a_real_variable(folder: Path) -> None:
    """Also under the other name of the setting."""
    (folder / ".env").write_text("ACTIONHERO_WEB__PORT=1\nPORT=3\n")

    assert last(read(), "web", "port").value == "1"
    assert last(read({"ACTIONHERO_WEB__PORT": "2"}), "web", "port").value == "2"
    assert last(read({"PORT": "2"}), "web", "port").value == "2"


def test_dotenv_syntax_is_supported(folder: Path) -> None:
    """Comments, quotes, `export`, references and unrelated variables."""
    (folder / ".env").write_text(
        "# mine\n\nHOST=example.org\nexport ACTIONHERO_S__A='a # b'  # comment\n"
        'ACTIONHERO_S__B="x\\ny"\nACTIONHERO_S__C=${HOST}/${USER}/${NONE:-d}\n'
        "ACTIONHERO_S__D=\n"
    )

    sources = read({"USER": "u"})

    values = {value.path[1]: value.value for value in sources.values({})}
    assert values == {"a": "a # b", "b": "x\ny", "c": "example.org/u/d", "d": ""}
    assert str(last(sources, "s", "a").origin) == ".env:4 ACTIONHERO_S__A"


def test_dotenv_is_next_to_the_settings_file(folder: Path) -> None:
    """The `.env` of the current folder is ignored."""
    (folder / ".env").write_text("ACTIONHERO_S__A=here\n")
    (folder / "inner").mkdir()
    (folder / "inner" / ".env").write_text("ACTIONHERO_S__A=inner\n")
    (folder / "inner" / "actionhero.toml").write_text("")

    sources = read(location=folder / "inner" / "actionhero.toml")

    assert last(sources, "s", "a").value == "inner"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "A=1  # twice\nA=2\n'B' = \"x\"\n# comment\n\n"])
@pytest.mark.parametrize(
    "line",
    [
        "PASSWORD='hunter2",
        'PASSWORD="hunter2',
        "PASSWORD='hunter2' more",
        "PASSWORD hunter2",
        "PASSWORD: hunter2",
        "PASSWORD:hunter2",
        "PASSWORD",
        "export PASSWORD",
        "=hunter2",
    ],
)
def test_an_invalid_line_in_dotenv_is_an_error(
    folder: Path, line: str, start: str, newline: str
) -> None:
    """The line itself is not shown: it may contain a password."""
    text = f"{start}\n\n{line}\nB=1\n"
    (folder / ".env").write_bytes(text.replace("\n", newline).encode())
    number = start.count("\n") + 3

    assert message() == (
        f".env:{number}: invalid line; write NAME=value, "
        "with quotes around a value that contains quotes or #"
    )


def test_a_binary_dotenv_is_an_error(folder: Path) -> None:
    """The encoding is not guessed."""
    (folder / ".env").write_bytes(b"A=\n\nB=\xff\n")

    assert message() == "cannot read settings file '.env': it is not UTF-8 text (at line 3)"


def test_process_variables_are_not_settings(folder: Path) -> None:
    """`ACTIONHERO_ENV` and `ACTIONHERO_TRACE_HOOKS` have no section."""
    sources = read({"ACTIONHERO_ENV": "test", "ACTIONHERO_TRACE_HOOKS": "1", "OTHER__X": "1"})

    assert list(sources.values({})) == []


def test_kubernetes_service_variables_are_not_settings(folder: Path) -> None:
    """A service with the name `actionhero` or `actionhero-web` causes no error."""
    environ = {
        "ACTIONHERO_SERVICE_HOST": "10.0.0.1",
        "ACTIONHERO_SERVICE_PORT": "80",
        "ACTIONHERO_SERVICE_PORT_HTTP": "80",
        "ACTIONHERO_PORT": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_PORT": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_PORT_80_TCP_PROTO": "tcp",
    }

    assert list(read(environ).values({})) == []
    assert len(list(read({"ACTIONHERO_WEB_PORT": "80"}).values({}))) == 1


def test_representations_of_sources_contain_no_values(folder: Path) -> None:
    """They can be logged."""
    (folder / "actionhero.toml").write_text("[s]\na = 'hunter2'\n")
    (folder / ".env").write_text("B=hunter2\n")
    sources = read({"C": "hunter2"}, command_line={"s": {"d": "hunter2"}})

    text = repr(sources) + repr(list(sources.values({})))

    assert "hunter2" not in text


# Boot settings


def test_boot_settings_come_from_every_source(folder: Path) -> None:
    """Plugins and the application can be selected in all of them."""
    (folder / "actionhero.toml").write_text(
        "[app]\npackage = 'guestbook'\n[plugins]\nenabled = ['a', 'b']\ndisabled = ['b']\n"
    )
    environ = {"ACTIONHERO_PLUGINS__DISABLED": "a, c", "ACTIONHERO_ENV": "test"}

    boot = read(environ, command_line={"app": {"package": "other"}}).boot_settings()

    assert boot.package == "other"
    assert boot.enabled == ("a", "b")
    assert boot.disabled == ("a", "c")
    assert boot.environment == "test"
    assert boot.root == folder


def test_boot_settings_have_defaults(folder: Path) -> None:
    """All plugins are enabled, and there is no application."""
    boot = read().boot_settings()

    assert (boot.package, boot.enabled, boot.disabled) == (None, None, ())


def test_empty_variables_override_boot_settings(folder: Path) -> None:
    """`ACTIONHERO_PLUGINS__ENABLED=` disables all plugins, like `[]`."""
    (folder / "actionhero.toml").write_text(
        "[app]\npackage = 'guestbook'\n[plugins]\ndisabled = ['a']\n"
    )
    names = ("PLUGINS__ENABLED", "PLUGINS__DISABLED", "APP__PACKAGE")

    boot = read({f"ACTIONHERO_{name}": "" for name in names}).boot_settings()

    assert (boot.enabled, boot.disabled, boot.package) == ((), (), None)
    assert read({"ACTIONHERO_PLUGINS__ENABLED": "[]"}).boot_settings().enabled == ()
    assert read({"ACTIONHERO_PLUGINS__ENABLED": '["a"]'}).boot_settings().enabled == ("a",)


def test_invalid_boot_settings_are_ignored(folder: Path) -> None:
    """They are reported when all settings are loaded."""
    (folder / "actionhero.toml").write_text("[app]\npackage = 3\n[plugins]\nenabled = 'a'\n")

    boot = read({"ACTIONHERO_PLUGINS__DISABLED": "[a"}).boot_settings()

    assert (boot.package, boot.enabled, boot.disabled) == (None, None, ())


def test_the_variables_default_to_those_of_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can be replaced in tests."""
    monkeypatch.setenv("ACTIONHERO_APP__PACKAGE", "guestbook")

    assert read_sources().boot_settings().package == "guestbook"


def test_reading_sources_imports_the_standard_library_only(folder: Path) -> None:
    """Commands without settings are fast."""
    (folder / "actionhero.toml").write_text("[app]\npackage = 'guestbook'\n")
    code = (
        "import sys; from actionhero.settings.sources import read_sources; "
        "read_sources().boot_settings(); "
        "print({'pydantic', 'yaml', 'dotenv', 'json'} & set(sys.modules))"
    )

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )

    assert process.stdout.strip() == "set()"
