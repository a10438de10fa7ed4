"""Where settings are looked for, which source wins, and what is said of a broken one."""

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

    from actionhero.settings.sources import SettingValue, Sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(environ: Mapping[str, str] | None = None, **facts: Any) -> Sources:
    """Read the sources of the current folder, with no variables but `environ`."""
    return read_sources(environ=environ or {}, **facts)


def last(sources: Sources, *path: str) -> SettingValue:
    """Return what wins for one setting, with `PORT` as another name of `web.port`."""
    given = [one for one in sources.given({"PORT": ("web", "port")}) if one.path == path]
    return given[-1]


def message(*, environ: Mapping[str, str] | None = None, location: Path | None = None) -> str:
    """Return what is said when the sources of the current folder cannot be read."""
    with pytest.raises(ConfigurationError) as caught:
        read(environ, location=location)
    return str(caught.value)


# The settings file


def test_nothing_at_all_is_no_error(folder: Path) -> None:
    """An application without a settings file starts with the defaults."""
    sources = read()

    assert list(sources.given({})) == []
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
def test_a_settings_file_may_have_one_of_four_formats(folder: Path, name: str, text: str) -> None:
    """I write my settings in the format that I like."""
    (folder / name).write_text(text)

    sources = read()

    assert last(sources, "web", "port").value == 8080


@pytest.mark.parametrize(
    ("name", "text", "shown"),
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
def test_a_value_knows_its_file_line_and_key(
    folder: Path, name: str, text: str, shown: str
) -> None:
    """I am told where a value was written, so that my editor can go there."""
    (folder / name).write_text(text)

    given = last(read(), "web", "port")

    assert str(given.origin) == shown


def test_a_file_outside_of_the_current_folder_is_shown_whole(folder: Path) -> None:
    """The file is named so that I find it from where I am."""
    (folder / "inner").mkdir()
    (folder / "inner" / "actionhero.toml").write_text("[web]\nport = 1\n")

    below = last(read(location=folder / "inner"), "web", "port")
    above = last(read(location=folder / "inner" / ".." / "inner"), "web", "port")

    assert str(below.origin) == "inner/actionhero.toml:2 web.port"
    assert str(above.origin).endswith("inner/actionhero.toml:2 web.port")


def test_the_folder_above_is_not_searched(folder: Path) -> None:
    """What is in force does not depend on folders that I am not in."""
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")
    (folder / "inner").mkdir()

    sources = read(location=folder / "inner")

    assert sources.files == ()


def test_a_settings_file_may_be_named(folder: Path) -> None:
    """I keep several settings files and say which one I mean."""
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")
    (folder / "other.toml").write_text("[web]\nport = 2\n")
    (folder / "other.production.toml").write_text("[web]\nhost = 'h'\n")

    sources = read({"ACTIONHERO_ENV": "production"}, location=folder / "other.toml")

    assert last(sources, "web", "port").value == 2
    assert last(sources, "web", "host").value == "h"
    assert sources.root == folder


def test_a_pyproject_may_be_named(folder: Path) -> None:
    """The overlay of a pyproject.toml is called actionhero.<environment>.toml."""
    (folder / "pyproject.toml").write_text("[tool.actionhero.web]\nport = 1\n")
    (folder / "actionhero.test.json").write_text('{"web": {"port": 2}}')

    sources = read({"ACTIONHERO_ENV": "test"}, location=folder / "pyproject.toml")

    assert last(sources, "web", "port").value == 2


@pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "[project]\nname = 'actionhero'\n"])
def test_a_pyproject_without_our_table_is_no_settings_file(folder: Path, text: str) -> None:
    """A pyproject.toml beside actionhero.toml is normal."""
    (folder / "pyproject.toml").write_text(text)
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")

    sources = read()

    assert [file.path.name for file in sources.files] == ["actionhero.toml"]
    assert read(location=folder / "pyproject.toml").boot().package is None


def test_several_settings_files_are_refused(folder: Path) -> None:
    """I am told when two files claim to be the settings."""
    (folder / "actionhero.toml").write_text("")
    (folder / "actionhero.json").write_text("{}")
    (folder / "pyproject.toml").write_text("[tool.actionhero]\n")

    assert message() == (
        "settings are in several files, and only one is read: 'actionhero.toml', "
        "'actionhero.json', 'pyproject.toml'; keep one of them"
    )


def test_several_overlays_are_refused(folder: Path) -> None:
    """The same holds for the file of an environment."""
    (folder / "actionhero.development.toml").write_text("")
    (folder / "actionhero.development.yml").write_text("")

    assert "'actionhero.development.toml', 'actionhero.development.yml'" in message()


@pytest.mark.parametrize(
    ("name", "text", "said"),
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
            "settings file 'actionhero.json' is not valid JSON: Expecting ':' delimiter "
            "(at line 2, column 8)",
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
            "settings file 'actionhero.yaml' is not valid YAML: it cannot be parsed",
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
            "settings file 'actionhero.json' must be a table of sections, and it is 'list'",
        ),
        (
            "pyproject.toml",
            "tool.actionhero = 3",
            "settings file 'pyproject.toml' must be a table of sections, and it is 'int'",
        ),
    ],
)
def test_a_broken_settings_file_is_explained(folder: Path, name: str, text: str, said: str) -> None:
    """I am told the file, what is wrong and the line, and nothing that may be a password."""
    (folder / name).write_text(text)

    assert message() == said


def test_a_settings_file_that_is_no_text_is_explained(folder: Path) -> None:
    """A file of bytes is not guessed at."""
    (folder / "actionhero.toml").write_bytes(b"\xff\xfe\x00")

    assert message() == "settings file 'actionhero.toml' cannot be read: it is not UTF-8 text"


def test_a_settings_file_that_is_not_there_is_explained(folder: Path) -> None:
    """A mistyped --settings is noticed."""
    assert message(location=folder / "no.toml") == "settings file 'no.toml' does not exist"


def test_an_unknown_format_is_explained(folder: Path) -> None:
    """A file in another format is not read by mistake."""
    (folder / "actionhero.ini").write_text("[web]\nport = 1\n")

    assert message(location=folder / "actionhero.ini") == (
        "settings file 'actionhero.ini' is of an unknown format; "
        "name it so that it ends in one of .toml, .yaml, .yml, .json"
    )


def test_yaml_without_its_library_is_explained(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I am told which extra to install."""
    (folder / "actionhero.yaml").write_text("web: {}\n")
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert message() == (
        "settings file 'actionhero.yaml' needs PyYAML, which is not installed; "
        "pip install 'actionhero[yaml]', or write it as TOML"
    )


def test_an_empty_yaml_file_says_nothing(folder: Path) -> None:
    """A file of comments is as good as none."""
    (folder / "actionhero.yaml").write_text("# later\n")

    assert list(read().given({})) == []


def test_keys_that_yaml_takes_for_something_else_are_text(folder: Path) -> None:
    """`on:` in YAML is `true`; as a key it is text all the same."""
    (folder / "actionhero.yaml").write_text("web:\n  1: {2: x}\n")

    assert last(read(), "web", "1").value == {"2": "x"}


def test_a_byte_order_mark_is_ignored(folder: Path) -> None:
    """Files from Windows editors are read too."""
    (folder / "actionhero.json").write_text('\ufeff{"web": {"port": 1}}', encoding="utf-8")
    (folder / ".env").write_text("\ufeffACTIONHERO_WEB__HOST=h", encoding="utf-8")

    assert last(read(), "web", "port").value == 1
    assert last(read(), "web", "host").value == "h"


# The environment


def test_the_environment_is_named_by_a_variable(folder: Path) -> None:
    """ACTIONHERO_ENV=production is production."""
    assert read({"ACTIONHERO_ENV": "production"}).environment == "production"


def test_the_environment_may_be_named_in_dotenv(folder: Path) -> None:
    """A `.env` file names the environment unless a variable does."""
    (folder / ".env").write_text("ACTIONHERO_ENV=test\n")

    assert read().environment == "test"
    assert read({"ACTIONHERO_ENV": "production"}).environment == "production"


def test_an_empty_environment_is_none(folder: Path) -> None:
    """`ACTIONHERO_ENV=` is as good as not set."""
    assert read({"ACTIONHERO_ENV": ""}).environment == "development"


def test_an_unknown_environment_is_explained(folder: Path) -> None:
    """`prod` is not taken for development by mistake."""
    said = message(environ={"ACTIONHERO_ENV": "prod"})

    assert said == (
        "ACTIONHERO_ENV: 'prod' is not an environment; "
        "there are: 'development', 'test', 'production'"
    )


def test_an_unknown_environment_in_dotenv_is_explained(folder: Path) -> None:
    """The line in `.env` is named."""
    (folder / ".env").write_text("A=1\n\nACTIONHERO_ENV=prod\n")

    assert message().startswith(".env:3 ACTIONHERO_ENV: 'prod' is not an environment")


# Variables


def test_a_later_source_wins(folder: Path) -> None:
    """file < file of the environment < .env < variable < command line."""
    names = "abcde"
    (folder / "actionhero.toml").write_text("[s]\n" + "".join(f"{n} = 'file'\n" for n in names))
    (folder / "actionhero.development.toml").write_text(
        "[s]\n" + "".join(f"{n} = 'overlay'\n" for n in names[1:])
    )
    (folder / ".env").write_text("".join(f"ACTIONHERO_S__{n.upper()}=dotenv\n" for n in names[2:]))
    environ = {f"ACTIONHERO_S__{n.upper()}": "variable" for n in names[3:]}

    sources = read(environ, command_line={"s": {"e": "command line", "a": None}})

    winners = {name: last(sources, "s", name) for name in names}
    assert [one.value for one in winners.values()] == [
        "file",
        "overlay",
        "dotenv",
        "variable",
        "command line",
    ]
    assert [str(one.origin) for one in winners.values()] == [
        "actionhero.toml:2 s.a",
        "actionhero.development.toml:2 s.b",
        ".env:1 ACTIONHERO_S__C",
        "ACTIONHERO_S__D",
        "command line s.e",
    ]


def test_the_command_line_may_come_later(folder: Path) -> None:
    """Options that are parsed after the boot are added to what was read."""
    sources = read(command_line={"s": {"a": 1, "b": 1}})

    added = sources.with_command_line({"s": {"b": 2}, "t": {"c": 3}})

    assert {one.path: one.value for one in added.given({})} == {
        ("s", "a"): 1,
        ("s", "b"): 2,
        ("t", "c"): 3,
    }
    assert last(sources, "s", "b").value == 1


def test_a_variable_may_reach_inside(folder: Path) -> None:
    """Two underscores go one level further in; the whole comes before its parts."""
    environ = {"ACTIONHERO_WEB__CORS__MAX_AGE": "1", "ACTIONHERO_WEB__CORS": "{}"}

    paths = [one.path for one in read(environ).given({})]

    assert paths == [("web", "cors"), ("web", "cors", "max_age")]


def test_well_known_variables_are_honoured(folder: Path) -> None:
    """PORT sets the port, as everywhere; ACTIONHERO_WEB__PORT wins over it."""
    alone = last(read({"PORT": "1"}), "web", "port")
    beside = last(read({"PORT": "1", "ACTIONHERO_WEB__PORT": "2"}), "web", "port")
    empty = list(read({"PORT": ""}).given({"PORT": ("web", "port")}))

    assert (alone.value, str(alone.origin)) == ("1", "PORT")
    assert (beside.value, str(beside.origin)) == ("2", "ACTIONHERO_WEB__PORT")
    assert empty == []


def test_dotenv_never_overrides_a_real_variable(folder: Path) -> None:
    """What the platform says holds, also under its other name."""
    (folder / ".env").write_text("ACTIONHERO_WEB__PORT=1\nPORT=3\n")

    assert last(read(), "web", "port").value == "1"
    assert last(read({"ACTIONHERO_WEB__PORT": "2"}), "web", "port").value == "2"
    assert last(read({"PORT": "2"}), "web", "port").value == "2"


def test_dotenv_is_read_as_everyone_writes_it(folder: Path) -> None:
    """Comments, quotes, `export`, references and variables of others are fine."""
    (folder / ".env").write_text(
        "# mine\n\nHOST=example.org\nexport ACTIONHERO_S__A='a # b'  # said\n"
        'ACTIONHERO_S__B="x\\ny"\nACTIONHERO_S__C=${HOST}/${USER}/${NONE:-d}\nBARE\n'
        "ACTIONHERO_S__D=\n"
    )

    sources = read({"USER": "u"})

    values = {one.path[1]: one.value for one in sources.given({})}
    assert values == {"a": "a # b", "b": "x\ny", "c": "example.org/u/d", "d": ""}
    assert str(last(sources, "s", "a").origin) == ".env:4 ACTIONHERO_S__A"


def test_dotenv_is_read_beside_the_settings_file(folder: Path) -> None:
    """The `.env` of the settings folder counts, not that of the current one."""
    (folder / ".env").write_text("ACTIONHERO_S__A=here\n")
    (folder / "inner").mkdir()
    (folder / "inner" / ".env").write_text("ACTIONHERO_S__A=inner\n")
    (folder / "inner" / "actionhero.toml").write_text("")

    sources = read(location=folder / "inner" / "actionhero.toml")

    assert last(sources, "s", "a").value == "inner"


def test_a_broken_line_in_dotenv_is_explained(folder: Path) -> None:
    """I am told the line, and it is not shown: it may hold a password."""
    (folder / ".env").write_text("A=1\n\nPASSWORD='hunter2\n")

    assert message() == (
        ".env:3: this line cannot be read; write NAME=value, "
        "with quotes around a value that has quotes or # in it"
    )


def test_a_dotenv_that_is_no_text_is_explained(folder: Path) -> None:
    """A `.env` of bytes is not guessed at."""
    (folder / ".env").write_bytes(b"A=\xff")

    assert message() == "'.env' cannot be read: it is not UTF-8 text"


def test_process_variables_are_no_settings(folder: Path) -> None:
    """ACTIONHERO_ENV and ACTIONHERO_TRACE_HOOKS are about the process."""
    sources = read({"ACTIONHERO_ENV": "test", "ACTIONHERO_TRACE_HOOKS": "1", "OTHER__X": "1"})

    assert list(sources.given({})) == []


def test_variables_that_kubernetes_sets_are_no_settings(folder: Path) -> None:
    """A service called `actionhero` or `actionhero-web` does not stop the start."""
    environ = {
        "ACTIONHERO_SERVICE_HOST": "10.0.0.1",
        "ACTIONHERO_SERVICE_PORT": "80",
        "ACTIONHERO_SERVICE_PORT_HTTP": "80",
        "ACTIONHERO_PORT": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_PORT": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_PORT_80_TCP_PROTO": "tcp",
    }

    assert list(read(environ).given({})) == []
    assert len(list(read({"ACTIONHERO_WEB_PORT": "80"}).given({}))) == 1


def test_no_value_is_in_the_text_of_what_was_read(folder: Path) -> None:
    """What was read may be logged: it shows no variable and no value."""
    (folder / "actionhero.toml").write_text("[s]\na = 'hunter2'\n")
    (folder / ".env").write_text("B=hunter2\n")
    sources = read({"C": "hunter2"}, command_line={"s": {"d": "hunter2"}})

    text = repr(sources) + repr(list(sources.given({})))

    assert "hunter2" not in text


# What is known before plugins are


def test_boot_settings_come_from_every_source(folder: Path) -> None:
    """Plugins are chosen, and the application named, in any of the usual places."""
    (folder / "actionhero.toml").write_text(
        "[app]\npackage = 'guestbook'\n[plugins]\nenabled = ['a', 'b']\ndisabled = ['b']\n"
    )
    environ = {"ACTIONHERO_PLUGINS__DISABLED": "a, c", "ACTIONHERO_ENV": "test"}

    boot = read(environ, command_line={"app": {"package": "other"}}).boot()

    assert boot.package == "other"
    assert boot.enabled == ("a", "b")
    assert boot.disabled == ("a", "c")
    assert boot.environment == "test"
    assert boot.root == folder


def test_boot_settings_have_defaults(folder: Path) -> None:
    """Without a word from me all plugins are on, and there is no application."""
    boot = read().boot()

    assert (boot.package, boot.enabled, boot.disabled) == (None, None, ())


def test_an_empty_variable_changes_no_boot_setting(folder: Path) -> None:
    """`ACTIONHERO_PLUGINS__ENABLED=` does not switch off everything; `[]` does."""
    (folder / "actionhero.toml").write_text("[app]\npackage = 'guestbook'\n")
    empty = {"ACTIONHERO_PLUGINS__ENABLED": "", "ACTIONHERO_APP__PACKAGE": ""}

    assert read(empty).boot().enabled is None
    assert read(empty).boot().package == "guestbook"
    assert read({"ACTIONHERO_PLUGINS__ENABLED": "[]"}).boot().enabled == ()
    assert read({"ACTIONHERO_PLUGINS__ENABLED": '["a"]'}).boot().enabled == ("a",)


def test_a_wrong_boot_setting_waits_for_the_others(folder: Path) -> None:
    """It is reported when settings are loaded, together with everything else."""
    (folder / "actionhero.toml").write_text("[app]\npackage = 3\n[plugins]\nenabled = 'a'\n")

    boot = read({"ACTIONHERO_PLUGINS__DISABLED": "[a"}).boot()

    assert (boot.package, boot.enabled, boot.disabled) == (None, None, ())


def test_the_process_is_asked_by_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out, the variables are those of the process."""
    monkeypatch.setenv("ACTIONHERO_APP__PACKAGE", "guestbook")

    assert read_sources().boot().package == "guestbook"


def test_reading_sources_imports_no_library(folder: Path) -> None:
    """A command that needs no settings pays for none."""
    (folder / "actionhero.toml").write_text("[app]\npackage = 'guestbook'\n")
    code = (
        "import sys; from actionhero.settings.sources import read_sources; read_sources().boot(); "
        "print({'pydantic', 'yaml', 'dotenv', 'json'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )

    assert done.stdout.strip() == "set()"
