"""What settings are worth once they are loaded, and what is said of those that are wrong."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, RedisDsn, SecretStr, field_validator, model_validator

from actionhero import Secret, Settings
from actionhero.errors import BootError, ConfigurationError
from actionhero.settings import (
    CORE_SETTINGS,
    ActionsSettings,
    AppSettings,
    ErrorsSettings,
    LoadedSettings,
    LoggerSettings,
    PluginsSettings,
    ProcessSettings,
    SettingsPath,
    load_settings,
    mask_passwords,
    settings_reference,
)
from actionhero.settings.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

BELONGS = (
    "it may belong to a plugin that is not installed or is switched off: install it, switch it on, "
    "or remove the setting"
)


class Color(Enum):
    RED = "red"


class CorsSettings(Settings):
    origins: list[str] = Field(default=["*"], description="Who may call.")
    max_age: timedelta = timedelta(minutes=10)
    token: SecretStr | None = None


class WebSettings(Settings):
    section: ClassVar[str] = "web"
    env_aliases: ClassVar[Mapping[str, str]] = {"PORT": "port"}

    host: str = Field(default="localhost", description="Where to listen.")
    port: int = Field(default=8080, ge=0, le=65535, description="Which port to listen on.")
    prefix: str = "/api"
    timeout: timedelta | None = timedelta(seconds=5)
    static: SettingsPath | None = None
    headers: dict[str, str] = {}
    hosts: list[str] | Literal["*"] = "*"
    proxies: str | list[str] = ""
    cors: CorsSettings = CorsSettings()
    color: Color = Color.RED
    limits: tuple[int, ...] = ()
    debug: bool = False


class StoreSettings(Settings):
    section: ClassVar[str] = "store"
    env_aliases: ClassVar[Mapping[str, str]] = {"REDIS_URL": "url"}

    url: str = "redis://localhost"
    dsn: RedisDsn | None = None
    password: SecretStr | None = None
    token: Secret[str] | None = None
    pins: list[Secret[int]] = []

    @field_validator("token")
    @classmethod
    def _long(cls, token: str | None) -> str | None:
        if token is not None and len(token) < 12:
            raise ValueError(f"{token!r} is too short, 12 characters are the least")
        return token

    @model_validator(mode="after")
    def _not_both(self) -> StoreSettings:
        if self.password and self.token:
            secret = self.password.get_secret_value()
            raise ValueError(f"set password or token, not both: {secret} {self.token}")
        return self


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(
    environ: Mapping[str, str] | None = None,
    *,
    classes: Iterable[type[Settings]] = (*CORE_SETTINGS, WebSettings, StoreSettings),
    instances: Iterable[Settings] = (),
    **command_line: Mapping[str, Any],
) -> LoadedSettings:
    """Load settings of the current folder, with no variables but `environ`."""
    sources = read_sources(environ=environ or {}, command_line=command_line)
    return load_settings(classes, sources, instances=instances)


def complaints(environ: Mapping[str, str] | None = None, **facts: Any) -> list[str]:
    """Return what is said to be wrong, one line for each, without the first."""
    with pytest.raises(ConfigurationError) as caught:
        load(environ, **facts)
    first, *lines = str(caught.value).split("\n  ")
    assert first == (
        "1 setting is wrong:" if len(lines) == 1 else f"{len(lines)} settings are wrong:"
    )
    return lines


# Values


def test_defaults_hold_when_nothing_is_said() -> None:
    """An application without settings has those of the code."""
    book = load()

    assert book.get(WebSettings) == WebSettings()
    assert book.get(ActionsSettings).timeout == timedelta(seconds=300)
    assert book.get(ProcessSettings).shutdown_timeout == timedelta(seconds=20)
    assert book.get(PluginsSettings) == PluginsSettings(enabled=None, disabled=[])
    assert book.get(LoggerSettings).level == "info"


def test_each_source_wins_over_the_one_before(folder: Path) -> None:
    """file < file of the environment < .env < variable < command line < code."""
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n")
    ports = [load().get(WebSettings).port]
    (folder / "actionhero.development.yaml").write_text("web: {port: 2}\n")
    ports.append(load().get(WebSettings).port)
    (folder / ".env").write_text("ACTIONHERO_WEB__PORT=3\n")
    ports.append(load().get(WebSettings).port)
    environ = {"ACTIONHERO_WEB__PORT": "4"}
    ports.append(load(environ).get(WebSettings).port)
    ports.append(load(environ, web={"port": "5"}).get(WebSettings).port)
    code = load(environ, web={"port": 5}, instances=[WebSettings(port=6)])
    ports.append(code.get(WebSettings).port)

    assert ports == [1, 2, 3, 4, 5, 6]


def test_port_and_redis_url_are_honoured() -> None:
    """The variables that platforms set are enough."""
    book = load({"PORT": "80", "REDIS_URL": "redis://r", "DATABASE_URL": "nobody asked"})

    assert book.get(WebSettings).port == 80
    assert book.get(StoreSettings).url == "redis://r"


def test_our_own_variable_wins_over_a_well_known_one() -> None:
    """ACTIONHERO_WEB__PORT is meant for us, PORT for everyone."""
    book = load({"PORT": "80", "ACTIONHERO_WEB__PORT": "81"})

    assert book.get(WebSettings).port == 81


def test_what_instances_leave_out_comes_from_the_other_sources() -> None:
    """A test gives the fields that it is about."""
    book = load({"ACTIONHERO_WEB__HOST": "h"}, instances=[WebSettings(port=1)])

    assert book.get(WebSettings).host == "h"
    assert book.get(WebSettings).port == 1
    assert {row.origin for row in book.rows() if row.key == "port"} == {"code web.port"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 20),
        ("1.5", 1.5),
        ("0", 0),
        ("500ms", 0.5),
        ("20s", 20),
        (" 20 S ", 20),
        ("5m", 300),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1d", 86400),
        ("PT1M", 60),
        ("00:01:00", 60),
    ],
)
def test_a_duration_is_written_as_people_do(folder: Path, text: str, seconds: float) -> None:
    """`20`, `20s`, `5m` and ISO 8601 are durations, in a variable and in a file."""
    (folder / "actionhero.toml").write_text(f'[actions]\ntimeout = "{text}"\n')

    in_file = load().get(ActionsSettings).timeout
    in_variable = load({"ACTIONHERO_ACTIONS__TIMEOUT": text}).get(ActionsSettings).timeout

    assert in_file == in_variable == timedelta(seconds=seconds)


def test_a_number_is_a_duration_in_seconds(folder: Path) -> None:
    """In a file, a duration needs no quotes."""
    (folder / "actionhero.toml").write_text(
        "[actions]\ntimeout = 20\n[process]\nshutdown_timeout = 1.5\n"
    )

    book = load()

    assert book.get(ActionsSettings).timeout == timedelta(seconds=20)
    assert book.get(ProcessSettings).shutdown_timeout == timedelta(seconds=1.5)


def test_a_duration_may_be_given_in_code_and_further_inside() -> None:
    """Text is a duration in every settings class."""
    book = load({"ACTIONHERO_WEB__CORS__MAX_AGE": "1h", "ACTIONHERO_WEB__TIMEOUT": "2s"})

    assert book.get(WebSettings).cors.max_age == timedelta(hours=1)
    assert book.get(WebSettings).timeout == timedelta(seconds=2)
    assert ActionsSettings(timeout="3s").timeout == timedelta(seconds=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["a, b", '["a", "b"]', "a,b,", " a,,b "])
def test_a_list_in_a_variable_is_separated_by_commas(text: str) -> None:
    """`a,b` is a list, and so is JSON."""
    assert load({"ACTIONHERO_PLUGINS__DISABLED": text}).get(PluginsSettings).disabled == ["a", "b"]


def test_a_list_on_the_command_line_is_separated_by_commas() -> None:
    """What an option says is read like a variable, unless the option has made a list of it."""
    assert load(plugins={"disabled": "a,b"}).get(PluginsSettings).disabled == ["a", "b"]
    assert load(plugins={"disabled": ["a", "b"]}).get(PluginsSettings).disabled == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("LIMITS", "1,2", (1, 2)),
        ("LIMITS", "[]", ()),
        ("HOSTS", "*", "*"),
        ("HOSTS", "a", ["a"]),
        ("PROXIES", "a", "a"),
        ("PROXIES", "a,b", ["a", "b"]),
        ("PROXIES", '["a"]', ["a"]),
        ("HEADERS", '{"X-A": "1"}', {"X-A": "1"}),
        ("HEADERS__X_A", "1", {"x_a": "1"}),
        ("CORS", '{"max_age": 1}', CorsSettings(max_age=timedelta(seconds=1))),
        ("CORS__ORIGINS", "a,b", CorsSettings(origins=["a", "b"])),
        ("COLOR", "red", Color.RED),
        ("DEBUG", "yes", True),
    ],
)
def test_a_variable_is_read_by_the_type_of_its_setting(key: str, text: str, value: Any) -> None:
    """Lists, tables and nested settings can be given in variables."""
    settings = load({f"ACTIONHERO_WEB__{key}": text}).get(WebSettings)

    assert getattr(settings, key.split("__")[0].lower()) == value


def test_tables_are_merged_and_variables_replace_them(folder: Path) -> None:
    """A file of the environment adds to a table; JSON in a variable replaces it."""
    (folder / "actionhero.toml").write_text("[web.headers]\na = '1'\nb = '1'\n")
    (folder / "actionhero.development.toml").write_text("[web.headers]\nb = '2'\n")

    merged = load({"ACTIONHERO_WEB__HEADERS__C": "3"})
    replaced = load({"ACTIONHERO_WEB__HEADERS": '{"d": "4"}', "ACTIONHERO_WEB__HEADERS__E": "5"})

    assert merged.get(WebSettings).headers == {"a": "1", "b": "2", "c": "3"}
    assert replaced.get(WebSettings).headers == {"d": "4", "e": "5"}
    row = next(row for row in merged.rows() if row.key == "headers")
    assert row.origin == (
        "actionhero.toml:1 web.headers + actionhero.development.toml:1 web.headers + "
        "ACTIONHERO_WEB__HEADERS__C"
    )


def test_an_empty_variable_is_text_where_text_is_wanted_and_else_not_set(folder: Path) -> None:
    """`PREFIX=` takes the prefix away; `PORT=` and `SECRET_KEY=` say nothing."""
    (folder / "actionhero.toml").write_text("[web]\nport = 1\n[app]\nsecret_key = 'k'\n")
    environ = {
        "ACTIONHERO_WEB__PREFIX": "",
        "ACTIONHERO_WEB__PORT": "",
        "ACTIONHERO_APP__SECRET_KEY": "",
        "ACTIONHERO_PLUGINS__ENABLED": " ",
        "ACTIONHERO_APP__VERSION": "",
        "REDIS_URL": "",
    }

    book = load(environ)

    assert book.get(WebSettings).prefix == ""
    assert book.get(WebSettings).port == 1
    assert book.get(AppSettings).secret_key == SecretStr("k")
    assert book.get(AppSettings).version is None
    assert book.get(PluginsSettings).enabled is None
    assert book.get(StoreSettings).url == "redis://localhost"
    assert not book.was_set(PluginsSettings, "enabled")


def test_relative_paths_begin_beside_the_settings_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where I am when I start the process makes no difference."""
    (folder / "inner").mkdir()
    (folder / "inner" / "actionhero.toml").write_text("[web]\nstatic = 'public'\n")
    monkeypatch.setenv("HOME", "/home/of/me")

    sources = read_sources(folder / "inner", environ={"ACTIONHERO_APP__DATA_DIR": "~/data"})
    book = load_settings([AppSettings, WebSettings], sources)
    default = load_settings([AppSettings, WebSettings], read_sources(folder / "inner", environ={}))

    assert book.get(WebSettings).static == folder / "inner" / "public"
    assert book.get(AppSettings).data_dir == Path("/home/of/me/data")
    assert default.get(AppSettings).data_dir == folder / "inner" / ".actionhero"


def test_settings_cannot_be_changed() -> None:
    """What was loaded holds for the life of the process."""
    with pytest.raises(ValueError, match="frozen"):
        load().get(WebSettings).port = 1


def test_an_empty_section_is_fine(folder: Path) -> None:
    """A section whose lines are all commented out stays."""
    (folder / "actionhero.yaml").write_text("web:\nlogs: {}\n")

    assert load().get(WebSettings).port == 8080


# The book


def test_settings_that_are_not_loaded_are_explained() -> None:
    """Asking for a class that no plugin has named says so."""
    with pytest.raises(BootError) as caught:
        load(classes=[AppSettings]).get(WebSettings)

    assert str(caught.value) == (
        "settings 'WebSettings' are not loaded; there are: AppSettings. Return the class from the "
        "hook actionhero_settings, or switch its plugin on"
    )
    assert WebSettings not in load(classes=[AppSettings])


def test_the_book_knows_what_was_chosen() -> None:
    """An embedded store in production is fine if it was chosen by hand."""
    book = load({"ACTIONHERO_WEB__PORT": "8080", "REDIS_URL": "redis://localhost"})

    assert book.was_set(WebSettings, "port")
    assert book.was_set(StoreSettings, "url")
    assert not book.was_set(WebSettings, "host")
    with pytest.raises(BootError, match="settings 'WebSettings' have no key 'prot'"):
        book.was_set(WebSettings, "prot")


def test_rows_tell_every_value_and_where_it_is_from(folder: Path) -> None:
    """`actionhero config` shows what is in force and why."""
    (folder / "actionhero.toml").write_text("[web]\nhost = 'h'\ntimeout = '90s'\n")

    rows = load({"PORT": "80", "ACTIONHERO_WEB__LIMITS": "1,2"}).rows()

    web = {row.key: row for row in rows if row.section == "web"}
    shown = {key: (row.value, row.origin, row.default) for key, row in web.items()}
    assert shown == {
        "host": ("h", "actionhero.toml:2 web.host", "localhost"),
        "port": ("80", "PORT", "8080"),
        "prefix": ("/api", "default", "/api"),
        "timeout": ("1m30s", "actionhero.toml:3 web.timeout", "5s"),
        "static": ("none", "default", "none"),
        "headers": ("{}", "default", "{}"),
        "hosts": ("*", "default", "*"),
        "proxies": ("", "default", ""),
        "cors": (
            '{"origins": ["*"], "max_age": "10m", "token": null}',
            "default",
            '{"origins": ["*"], "max_age": "10m", "token": null}',
        ),
        "color": ("red", "default", "red"),
        "limits": ("1,2", "ACTIONHERO_WEB__LIMITS", ""),
        "debug": ("false", "default", "false"),
    }
    assert web["port"].variable == "ACTIONHERO_WEB__PORT"
    assert web["port"].aliases == ("PORT",)
    assert web["port"].description == "Which port to listen on."
    assert [row.section for row in rows][:5] == ["app"] * 5


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0", "0s"), ("1500ms", "1s500ms"), ("25h", "1d1h"), ("0.0005", "0.0005s")],
)
def test_a_duration_is_shown_as_one_would_write_it(text: str, shown: str) -> None:
    """What is shown can be given again."""
    rows = load({"ACTIONHERO_ACTIONS__TIMEOUT": text}).rows()

    assert [row.value for row in rows if row.section == "actions"] == [shown]


def test_the_reference_lists_defaults_and_types() -> None:
    """The reference of settings is made from the classes alone."""

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        sender: str
        key: SecretStr

    rows = settings_reference([WebSettings, MailSettings, AppSettings])

    types = {f"{row.section}.{row.key}": (row.type, row.default) for row in rows}
    assert types["mail.sender"] == ("text", "required")
    assert types["mail.key"] == ("secret", "required")
    assert types["app.name"] == ("text", "computed")
    assert types["app.package"] == ("text | none", "none")
    assert types["app.data_dir"] == ("path", ".actionhero")
    assert types["web.timeout"] == ("duration | none", "5s")
    assert types["web.hosts"] == ("list[text] | *", "*")
    assert types["web.headers"] == ("dict[text, text]", "{}")
    assert types["web.limits"] == ("tuple[int, ...]", "")
    assert types["web.color"] == ("red", "red")
    assert types["web.cors"][0] == "CorsSettings"


def test_every_setting_of_core_has_a_description() -> None:
    """No row of `actionhero config` leaves me guessing."""
    assert [row for row in settings_reference(CORE_SETTINGS) if not row.description] == []


def test_sections_that_clash_are_refused() -> None:
    """Two plugins with one section are named; the same class twice is no clash."""

    class OtherSettings(Settings):
        section: ClassVar[str] = "web"

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[WebSettings, OtherSettings])

    said = str(caught.value)
    assert said.startswith("settings section 'web' is claimed by '")
    assert said.endswith("OtherSettings'; rename one, or switch off one of the plugins")
    assert "WebSettings' and by " in said
    assert load(classes=[WebSettings, WebSettings]).get(WebSettings).port == 8080


def test_variables_that_clash_are_refused() -> None:
    """Two plugins cannot both have PORT."""

    class OtherSettings(Settings):
        section: ClassVar[str] = "other"
        env_aliases: ClassVar[Mapping[str, str]] = {"PORT": "port"}
        port: int = 1

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[WebSettings, OtherSettings])

    assert str(caught.value) == (
        "variable 'PORT' is claimed for 'web.port' and for 'other.port'; "
        "take it out of the env_aliases of one"
    )


def test_a_variable_for_no_field_is_refused() -> None:
    """A plugin that misspells its own key is told."""

    class OtherSettings(Settings):
        section: ClassVar[str] = "other"
        env_aliases: ClassVar[Mapping[str, str]] = {"PORT": "prot"}
        port: int = 1

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[OtherSettings])

    assert str(caught.value).endswith(
        "take the variable 'PORT' for 'prot', which is not one of their fields; there are: port"
    )


@pytest.mark.parametrize("name", ["", "Web", "my-web", "a__b"])
def test_a_section_must_have_a_name_that_fits_into_a_variable(name: str) -> None:
    """A plugin whose section no variable could name is told."""
    other = type("OtherSettings", (Settings,), {"section": name, "__module__": "mail"})

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[other])

    assert str(caught.value) == (
        f"settings 'mail.OtherSettings' have the section {name!r}; a section is named with "
        f"lowercase letters, digits and single underscores"
    )


# What is wrong


def test_everything_that_is_wrong_is_told_at_once(folder: Path) -> None:
    """I mend my settings in one go."""
    (folder / "actionhero.toml").write_text(
        "[web]\nprot = 1\ntimeout = 'soon'\n[wbe]\na = 1\nb = 2\n[logs]\nlevel = 'loud'\n"
    )
    environ = {"ACTIONHERO_WEB__PORT": "http", "ACTIONHERO_WEB__HOTS": "h"}

    assert complaints(environ) == [
        "actionhero.toml:2 web.prot: there is no setting 'web.prot'; did you mean 'port'?",
        f"actionhero.toml:4 wbe: there is no section 'wbe'; did you mean 'web'? {BELONGS}",
        "ACTIONHERO_WEB__HOTS: there is no setting 'web.hots'; "
        "did you mean 'ACTIONHERO_WEB__HOSTS'?",
        "actionhero.toml:8 logs.level: 'loud' is not allowed: "
        "it should be 'debug', 'info', 'warn', 'error' or 'fatal'",
        "ACTIONHERO_WEB__PORT: 'http' is not allowed: "
        "it should be a valid integer, unable to parse string as an integer",
        "actionhero.toml:3 web.timeout: 'soon' is not allowed: it should be a duration: seconds, "
        "or a number with ms, s, m, h or d, such as '20s'",
    ]


def test_one_thing_that_is_wrong_is_one_line() -> None:
    """The message reads well for one, too."""
    with pytest.raises(ConfigurationError) as caught:
        load({"PORT": "65536"})

    assert str(caught.value) == (
        "1 setting is wrong:\n"
        "  PORT: '65536' is not allowed: it should be less than or equal to 65535"
    )
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "ACTIONHERO_WEB_PORT",
            f"there is no such setting; did you mean 'ACTIONHERO_WEB__PORT'? {BELONGS}",
        ),
        (
            "ACTIONHERO_WBE__PORT",
            f"there is no such setting; did you mean 'ACTIONHERO_WEB__PORT'? {BELONGS}",
        ),
        (
            "ACTIONHERO_XYZ",
            "there is no such setting; variables are named ACTIONHERO_<SECTION>__<KEY>",
        ),
        (
            "ACTIONHERO_XYZ__Q",
            "there is no section 'xyz'; there are: app, plugins, actions, errors, process, logs, "
            f"web, store; {BELONGS}",
        ),
        (
            "ACTIONHERO_ERRORS__XYZ",
            "there is no setting 'errors.xyz'; there are: ACTIONHERO_ERRORS__SHOW_TRACEBACKS",
        ),
        (
            "ACTIONHERO_WEB__CORS__XYZ",
            "there is no setting 'web.cors.xyz'; there are: ACTIONHERO_WEB__CORS__ORIGINS, "
            "ACTIONHERO_WEB__CORS__MAX_AGE, ACTIONHERO_WEB__CORS__TOKEN",
        ),
    ],
)
def test_an_unknown_variable_is_an_error(folder: Path, name: str, said: str) -> None:
    """A typing mistake in a variable is noticed, in the environment and in `.env`."""
    in_environment = complaints({name: "1"})
    (folder / ".env").write_text(f"\n{name}=1\n")

    assert in_environment == [f"{name}: {said}"]
    assert complaints() == [f".env:2 {name}: {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "port = 1\n",
            "actionhero.toml:1 port: 'port' must stand in a section; did you mean 'web.port'?",
        ),
        ("x = 1\n", "actionhero.toml:1 x: 'x' must stand in a section; there are: web"),
        (
            "web = 1\n",
            "actionhero.toml:1 web: 'web' is a section and must be a table of settings",
        ),
        (
            "[mail]\n",
            f"actionhero.toml:1 mail: there is no section 'mail'; there are: web; {BELONGS}",
        ),
        (
            "[web.cors]\norgins = 1\n",
            "actionhero.toml:2 web.cors.orgins: there is no setting 'web.cors.orgins'; "
            "did you mean 'origins'?",
        ),
        (
            "[web]\nlimits = [1, 'x']\n",
            "actionhero.toml:2 web.limits.1: 'x' is not allowed: "
            "it should be a valid integer, unable to parse string as an integer",
        ),
        (
            "[web]\nhosts = 1\n",
            "actionhero.toml:2 web.hosts: 1 is not allowed: it should be a list: a,b in a "
            "variable, ['a', 'b'] in a file or it should be '*'",
        ),
        (
            "[web.headers]\na = 1\n",
            "actionhero.toml:2 web.headers.a: 1 is not allowed: it should be a valid string",
        ),
        (
            "[web]\ncors = 1\n",
            "actionhero.toml:2 web.cors: '******' is not allowed: it should be a valid dictionary "
            "or instance of CorsSettings",
        ),
    ],
)
def test_a_wrong_line_in_a_file_is_explained(folder: Path, text: str, said: str) -> None:
    """I am told the line, what stands there and what may."""
    (folder / "actionhero.toml").write_text(text)

    assert complaints(classes=[WebSettings]) == [said]


def test_what_a_later_source_mends_is_not_wrong(folder: Path) -> None:
    """Only the value that is in force is judged."""
    (folder / "actionhero.toml").write_text("[web]\nport = 'x'\n")

    assert load({"PORT": "1"}).get(WebSettings).port == 1


def test_the_part_that_is_wrong_is_blamed_on_its_own_source(folder: Path) -> None:
    """A table made of several sources points to the one with the mistake."""
    (folder / "actionhero.toml").write_text("[web.headers]\na = '1'\nb = 1\n")

    assert complaints({"ACTIONHERO_WEB__HEADERS__A": "2"}) == [
        "actionhero.toml:3 web.headers.b: 1 is not allowed: it should be a valid string"
    ]


def test_json_that_is_none_is_explained() -> None:
    """A variable that begins like JSON must be JSON."""
    assert complaints({"ACTIONHERO_WEB__LIMITS": "[1, 2", "ACTIONHERO_WEB__PORT": "x"}) == [
        "ACTIONHERO_WEB__LIMITS: '[1, 2' is not allowed: it begins like JSON and is not: "
        "Expecting ',' delimiter (at column 6)",
        "ACTIONHERO_WEB__PORT: 'x' is not allowed: "
        "it should be a valid integer, unable to parse string as an integer",
    ]


def test_a_setting_that_must_be_set_is_explained() -> None:
    """I am told both places where I can set it; a value that cannot be read is not missing."""

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        senders: list[str]
        group: CorsSettings

    said = complaints({"ACTIONHERO_MAIL__GROUP": "{"}, classes=[MailSettings])

    assert said == [
        "ACTIONHERO_MAIL__GROUP: '******' is not allowed: it begins like JSON and is not: "
        "Expecting property name enclosed in double quotes (at column 2)",
        "mail.senders: it must be set; set ACTIONHERO_MAIL__SENDERS, or 'senders' of [mail] in "
        "the settings file",
    ]


def test_a_default_that_is_wrong_is_explained() -> None:
    """A plugin whose default breaks its own rule is told."""

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        size: int = Field(default=0, ge=1)

    assert complaints(classes=[MailSettings]) == [
        "mail.size: the default 0 is not allowed: it should be greater than or equal to 1"
    ]


def test_the_command_line_and_code_are_named() -> None:
    """What an option or a test gives is wrong in the same words."""
    assert complaints(web={"prot": 1}) == [
        "command line web.prot: there is no setting 'web.prot'; did you mean 'port'?"
    ]
    assert complaints(wbe={"port": 1}) == [
        f"command line wbe: there is no section 'wbe'; did you mean 'web'? {BELONGS}"
    ]
    assert complaints(classes=[StoreSettings], instances=[WebSettings(port=1)]) == [
        f"code web: there is no section 'web'; there are: store; {BELONGS}"
    ]


def test_a_long_value_is_cut() -> None:
    """A whole certificate in the wrong variable does not fill the screen."""
    (said,) = complaints({"PORT": "x" * 1000})

    assert said.startswith(f"PORT: '{'x' * 99}… is not allowed")


def test_a_rule_of_a_whole_section_is_told() -> None:
    """Settings that do not go together are told as one fault."""
    environ = {"ACTIONHERO_STORE__PASSWORD": "hunter2", "ACTIONHERO_STORE__TOKEN": "a-long-token"}

    assert complaints(environ) == ["store: set password or token, not both: ****** ******"]


# Secrets


def shown_everywhere(book: LoadedSettings) -> str:
    """Return all the text that can be had of a book without asking for a secret."""
    return "\n".join([repr(book), str(book), *map(repr, book), *map(str, book), repr(book.rows())])


def test_secrets_are_never_shown() -> None:
    """A secret is not in a listing, nor in the text of anything."""
    environ = {
        "ACTIONHERO_APP__SECRET_KEY": "hunter2",
        "ACTIONHERO_STORE__PASSWORD": "hunter2",
        "ACTIONHERO_STORE__PINS": "7777777,7777777",
        "ACTIONHERO_STORE__DSN": "redis://me:hunter2@host",
        "ACTIONHERO_WEB__CORS__TOKEN": "hunter2",
        "ACTIONHERO_WEB__PROXIES": "http://u:hunter2@a,http://u:hunter2@b",
        "ACTIONHERO_WEB__HEADERS": '{"a": "http://u:hunter2@c"}',
        "REDIS_URL": "redis://:hunter2@host",
    }

    book = load(environ)

    text = shown_everywhere(book)
    assert "hunter2" not in text
    assert "7777777" not in text
    rows = {f"{row.section}.{row.key}": row for row in book.rows()}
    assert rows["app.secret_key"].value == "******"
    assert rows["app.secret_key"].is_secret
    assert rows["store.password"].value == "******"
    assert rows["store.pins"].value == "******"
    assert rows["store.url"].value == "redis://:******@host"
    assert rows["store.dsn"].value.startswith("redis://me:******@host")
    assert rows["web.proxies"].value == "http://u:******@a,http://u:******@b"
    assert '"token": "******"' in rows["web.cors"].value
    assert book.get(StoreSettings).url == "redis://:hunter2@host"


def test_a_secret_marked_by_secret_is_not_shown() -> None:
    """`Secret[str]` is as secret as `SecretStr`."""
    book = load({"ACTIONHERO_STORE__TOKEN": "hunter2-hunter2"})

    assert book.get(StoreSettings).token == "hunter2-hunter2"
    assert "hunter2" not in shown_everywhere(book)


def test_a_secret_default_is_not_shown() -> None:
    """The default of a secret is nobody's business either."""

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        password: SecretStr = SecretStr("hunter2")
        token: Annotated[Secret[str], Field(description="A token.")] = "hunter2"

    (password, token) = settings_reference([MailSettings])

    assert (password.default, token.default) == ("******", "******")
    assert "hunter2" not in repr(MailSettings())


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("STORE__TOKEN", "hunter2"),
        ("STORE__PINS", "hunter2,hunter2"),
        ("STORE__PINS", '["hunter2"'),
        ("STORE__DSN", "http://:hunter2@host"),
        ("WEB__PORT", "redis://:hunter2@host"),
        ("WEB__CORS", '{"token": ["hunter2"]}'),
        ("WEB__CORS", '{"tokn": "hunter2"}'),
        ("WEB__CORS__TOKEN__X", "hunter2"),
        ("STORE__PASWORD", "hunter2"),
        ("STROE__PASSWORD", "hunter2"),
        ("PASSWORD", "hunter2"),
    ],
)
def test_a_secret_that_is_wrong_is_not_shown(folder: Path, key: str, text: str) -> None:
    """An error names the variable of a secret, and not its value; nor does its traceback."""
    with pytest.raises(ConfigurationError) as caught:
        load({f"ACTIONHERO_{key}": text})

    assert f"ACTIONHERO_{key}".split("__TOKEN")[0] in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_short_secret_is_not_given_away_by_masking() -> None:
    """A validator that quotes a secret of one letter is not quoted at all."""
    (said,) = complaints({"ACTIONHERO_STORE__TOKEN": "a"})

    assert said == (
        "ACTIONHERO_STORE__TOKEN: '******' is not allowed: it is refused by a rule of its own, "
        "whose words would show the secret"
    )


def test_what_a_validator_says_of_a_secret_is_masked() -> None:
    """The words of a validator stay useful."""
    assert complaints({"ACTIONHERO_STORE__TOKEN": "hunter2"}) == [
        "ACTIONHERO_STORE__TOKEN: '******' is not allowed: "
        "'******' is too short, 12 characters are the least"
    ]


def test_a_settings_class_made_by_hand_shows_no_secret_when_it_is_wrong() -> None:
    """A test that gives a wrong value does not print its neighbours."""
    with pytest.raises(ValueError, match="port") as caught:
        WebSettings.model_validate({"port": "hunter2"})

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:pw@host", "redis://:******@host"),
        ("postgres://me:p@ss/w:rd@host/db", "postgres://me:******@host/db"),
        ("postgres://me:two words@host", "postgres://me:******@host"),
        (
            "postgres://host/db?user=me&password=pw&x=1",
            "postgres://host/db?user=me&password=******&x=1",
        ),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("me@example.org", "me@example.org"),
        ("plain", "plain"),
    ],
)
def test_passwords_in_urls_are_masked(text: str, shown: str) -> None:
    """The rest of the URL stays readable."""
    assert mask_passwords(text) == shown


# Core's own sections


def test_the_application_is_called_like_its_package() -> None:
    """A name is given once."""
    assert load().get(AppSettings).name == "actionhero"
    assert load({"ACTIONHERO_APP__PACKAGE": "guest.book"}).get(AppSettings).name == "guest.book"
    assert load(app={"package": "guestbook", "name": "Guests"}).get(AppSettings).name == "Guests"


def test_a_package_is_named_as_it_is_imported() -> None:
    """A distribution or a file is no package."""
    assert complaints({"ACTIONHERO_APP__PACKAGE": "guest-book"}) == [
        "ACTIONHERO_APP__PACKAGE: 'guest-book' is not allowed: "
        "it should be the name that is imported, such as 'guestbook'"
    ]


def test_no_time_limit_can_be_negative() -> None:
    """0 is no limit; less makes no sense."""
    assert load({"ACTIONHERO_ACTIONS__TIMEOUT": "0"}).get(ActionsSettings).timeout == timedelta(0)
    assert complaints({"ACTIONHERO_ACTIONS__TIMEOUT": "-1"}) == [
        "ACTIONHERO_ACTIONS__TIMEOUT: '-1' is not allowed: it should be greater than or equal to "
        "0 seconds"
    ]


def test_tracebacks_are_shown_in_development_only() -> None:
    """Unless I say otherwise."""
    unset, on = ErrorsSettings(), ErrorsSettings(show_tracebacks=True)

    assert unset.tracebacks_shown_in("development")
    assert not unset.tracebacks_shown_in("test")
    assert not unset.tracebacks_shown_in("production")
    assert on.tracebacks_shown_in("production")


def test_the_format_of_logs_suits_the_reader() -> None:
    """People read a terminal, machines read production."""
    auto, json = LoggerSettings(), LoggerSettings(format="json")

    assert auto.format_for("production", is_terminal=False) == "json"
    assert auto.format_for("production", is_terminal=True) == "console"
    assert auto.format_for("development", is_terminal=False) == "console"
    assert json.format_for("development", is_terminal=True) == "json"


def test_loading_makes_no_data_folder(folder: Path) -> None:
    """Reading settings leaves nothing behind."""
    load()

    assert list(folder.iterdir()) == []


def test_the_data_folder_is_made_when_it_is_asked_for(folder: Path) -> None:
    """It is for us alone, and git does not see it."""
    made = load().get(AppSettings).make_data_dir()

    assert made == folder / ".actionhero"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert (made / ".gitignore").read_text() == "*\n"
    assert load().get(AppSettings).make_data_dir() == made


def test_a_data_folder_that_cannot_be_made_is_explained(folder: Path) -> None:
    """I am told which setting moves it."""
    (folder / ".actionhero").write_text("a file")

    with pytest.raises(ConfigurationError) as caught:
        load().get(AppSettings).make_data_dir()

    assert str(caught.value) == (
        "data folder '.actionhero' cannot be made: File exists; "
        "set app.data_dir (ACTIONHERO_APP__DATA_DIR) to a folder that can be written to"
    )


def test_a_secret_key_is_made_once_outside_of_production(folder: Path) -> None:
    """Cookies survive a restart, and only I can read the key."""
    first = load().get(AppSettings).get_secret_key("development")
    second = load().get(AppSettings).get_secret_key("test")

    kept = folder / ".actionhero" / "secret_key"
    assert first == second
    assert len(first.get_secret_value()) == 64
    assert kept.read_text() == first.get_secret_value()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert sorted(path.name for path in kept.parent.iterdir()) == [".gitignore", "secret_key"]


def test_a_secret_key_is_made_where_files_cannot_be_linked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared folder of another system is fine, too."""

    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    key = load().get(AppSettings).get_secret_key("development")

    assert (folder / ".actionhero" / "secret_key").read_text() == key.get_secret_value()


def test_the_key_of_a_faster_process_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that start at once have one key."""
    link = os.link

    def lose(source: Path, target: Path) -> None:
        target.write_text("the other's")
        link(source, target)

    monkeypatch.setattr(os, "link", lose)

    key = load().get(AppSettings).get_secret_key("development")

    assert key.get_secret_value() == "the other's"


def test_a_secret_key_that_is_set_is_taken() -> None:
    """In every environment."""
    settings = load({"ACTIONHERO_APP__SECRET_KEY": "mine"}).get(AppSettings)

    assert settings.get_secret_key("production").get_secret_value() == "mine"
    assert settings.get_secret_key("development").get_secret_value() == "mine"


def test_production_needs_a_secret_key() -> None:
    """The settings load; who asks for the key is told how to set one."""
    settings = load({"ACTIONHERO_ENV": "production"}).get(AppSettings)

    with pytest.raises(ConfigurationError) as caught:
        settings.get_secret_key("production")

    assert str(caught.value) == (
        "app.secret_key is not set, and in production none is made up; set "
        "ACTIONHERO_APP__SECRET_KEY to a long random text that all processes share, "
        'such as the output of: python -c "import secrets; print(secrets.token_hex(32))"'
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n", "is empty; delete it, and a new key is made"),
        (
            b"\xff",
            "cannot be read or made: it is not text; delete it, or set ACTIONHERO_APP__SECRET_KEY",
        ),
    ],
)
def test_a_broken_secret_key_file_is_explained(folder: Path, content: bytes, said: str) -> None:
    """No cookie is signed with nothing."""
    (folder / ".actionhero").mkdir()
    (folder / ".actionhero" / "secret_key").write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load().get(AppSettings).get_secret_key("development")

    assert str(caught.value) == f"secret key file '.actionhero/secret_key' {said}"
