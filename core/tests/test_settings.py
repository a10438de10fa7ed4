"""Loading of settings: values, origins, errors and secrets."""

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
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RedisDsn,
    SecretStr,
    field_validator,
    model_validator,
)

from actionhero import Secret, Settings
from actionhero.errors import BootError, ConfigurationError
from actionhero.redaction import mask_url
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
    settings_reference,
)
from actionhero.settings.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

PLUGIN_HINT = (
    "if it belongs to a plugin, install and enable the plugin; otherwise remove the setting"
)


class Color(Enum):
    RED = "red"


class CorsSettings(Settings):
    origins: list[str] = Field(default=["*"], description="The allowed origins.")
    max_age: timedelta = timedelta(minutes=10)
    token: SecretStr | None = None


class WebSettings(Settings):
    section: ClassVar[str] = "web"
    env_aliases: ClassVar[Mapping[str, str]] = {"PORT": "port"}

    host: str = Field(default="localhost", description="The address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="The TCP port.")
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
    def _validate_length(cls, token: str | None) -> str | None:
        if token is not None and len(token) < 12:
            raise ValueError(f"{token!r} is too short, at least 12 characters are required")
        return token

    @model_validator(mode="after")
    def _validate_combination(self) -> StoreSettings:
        if self.password and self.token:
            secret = self.password.get_secret_value()
            raise ValueError(f"set either password or token: {secret} {self.token}")
        return self


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(
    environ: Mapping[str, str] | None = None,
    *,
    classes: Iterable[type[Settings]] = (*CORE_SETTINGS, WebSettings, StoreSettings),
    instances: Iterable[Settings] = (),
    **command_line: Mapping[str, Any],
) -> LoadedSettings:
    """Load the settings of the current folder, with `environ` as the only variables."""
    sources = read_sources(environ=environ or {}, command_line=command_line)
    return load_settings(classes, sources, instances=instances)


def error_lines(environ: Mapping[str, str] | None = None, **options: Any) -> list[str]:
    """Return the lines of the error, without the heading."""
    with pytest.raises(ConfigurationError) as caught:
        load(environ, **options)
    first, *lines = str(caught.value).split("\n  ")
    assert first == ("1 invalid setting:" if len(lines) == 1 else f"{len(lines)} invalid settings:")
    return lines


# Values


def test_defaults_apply_without_sources() -> None:
    """An application without settings has the defaults."""
    settings = load()

    assert settings.get(WebSettings) == WebSettings()
    assert settings.get(ActionsSettings).timeout == timedelta(seconds=300)
    assert settings.get(ProcessSettings).shutdown_timeout == timedelta(seconds=20)
    assert settings.get(PluginsSettings) == PluginsSettings(enabled=None, disabled=[])
    assert settings.get(LoggerSettings).level == "info"


def test_later_sources_override_earlier_ones(folder: Path) -> None:
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


def test_well_known_variables_set_their_settings() -> None:
    """The variables of hosting platforms are supported."""
    settings = load({"PORT": "80", "REDIS_URL": "redis://r", "DATABASE_URL": "unused"})

    assert settings.get(WebSettings).port == 80
    assert settings.get(StoreSettings).url == "redis://r"


def test_the_prefixed_variable_overrides_the_well_known_one() -> None:
    """`ACTIONHERO_WEB__PORT` overrides `PORT`."""
    settings = load({"PORT": "80", "ACTIONHERO_WEB__PORT": "81"})

    assert settings.get(WebSettings).port == 81


def test_unset_fields_of_instances_come_from_the_other_sources() -> None:
    """A test sets only the fields that it needs."""
    settings = load({"ACTIONHERO_WEB__HOST": "h"}, instances=[WebSettings(port=1)])

    assert settings.get(WebSettings).host == "h"
    assert settings.get(WebSettings).port == 1
    assert {row.origin for row in settings.rows() if row.key == "port"} == {"code web.port"}


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
def test_durations_are_parsed_in_files_and_variables(
    folder: Path, text: str, seconds: float
) -> None:
    """Seconds, units and ISO 8601 are durations."""
    (folder / "actionhero.toml").write_text(f'[actions]\ntimeout = "{text}"\n')

    in_file = load().get(ActionsSettings).timeout
    in_variable = load({"ACTIONHERO_ACTIONS__TIMEOUT": text}).get(ActionsSettings).timeout

    assert in_file == in_variable == timedelta(seconds=seconds)


def test_a_number_is_a_duration_in_seconds(folder: Path) -> None:
    """In a file, a duration needs no quotes."""
    (folder / "actionhero.toml").write_text(
        "[actions]\ntimeout = 20\n[process]\nshutdown_timeout = 1.5\n"
    )

    settings = load()

    assert settings.get(ActionsSettings).timeout == timedelta(seconds=20)
    assert settings.get(ProcessSettings).shutdown_timeout == timedelta(seconds=1.5)


def test_durations_are_parsed_in_code_and_in_groups() -> None:
    """Text is a duration in every settings class."""
    settings = load({"ACTIONHERO_WEB__CORS__MAX_AGE": "1h", "ACTIONHERO_WEB__TIMEOUT": "2s"})

    assert settings.get(WebSettings).cors.max_age == timedelta(hours=1)
    assert settings.get(WebSettings).timeout == timedelta(seconds=2)
    assert ActionsSettings(timeout="3s").timeout == timedelta(seconds=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["a, b", '["a", "b"]', "a,b,", " a,,b "])
def test_a_list_in_a_variable_is_separated_by_commas(text: str) -> None:
    """`a,b` is a list, and so is JSON."""
    assert load({"ACTIONHERO_PLUGINS__DISABLED": text}).get(PluginsSettings).disabled == ["a", "b"]


def test_a_list_on_the_command_line_is_separated_by_commas() -> None:
    """The text of an option is parsed like a variable, unless the option is a list already."""
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
def test_variables_are_parsed_by_the_type_of_their_setting(key: str, text: str, value: Any) -> None:
    """Variables can contain lists, tables and nested settings."""
    settings = load({f"ACTIONHERO_WEB__{key}": text}).get(WebSettings)

    assert getattr(settings, key.split("__")[0].lower()) == value


def test_tables_are_merged_and_json_variables_replace_them(folder: Path) -> None:
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


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_an_empty_value(folder: Path, text: str) -> None:
    """It overrides the file, so that an empty list closes what the file opens."""
    (folder / "actionhero.toml").write_text(
        "[web]\nprefix = '/a'\nheaders = {a = '1'}\n[app]\nversion = '1'\n[plugins]\n"
        "disabled = ['x']\nenabled = ['x']\n"
    )
    names = ("WEB__PREFIX", "WEB__HEADERS", "APP__VERSION", "PLUGINS__ENABLED", "PLUGINS__DISABLED")

    settings = load({**{f"ACTIONHERO_{name}": text for name in names}, "REDIS_URL": ""})

    assert settings.get(WebSettings).prefix == text
    assert settings.get(WebSettings).headers == {}
    assert settings.get(AppSettings).version is None
    assert settings.get(PluginsSettings).enabled == []
    assert settings.get(PluginsSettings).disabled == []
    assert settings.get(StoreSettings).url == "redis://localhost"


@pytest.mark.parametrize(
    "name", ["WEB__PORT", "APP__SECRET_KEY", "APP__DATA_DIR", "ACTIONS__TIMEOUT", "LOGS__LEVEL"]
)
def test_an_empty_variable_without_an_empty_value_is_an_error(folder: Path, name: str) -> None:
    """It is not skipped silently."""
    section, _, key = name.lower().partition("__")
    (folder / "actionhero.toml").write_text(f"[{section}]\n{key} = 'k'\n")

    with pytest.raises(ConfigurationError, match=f"ACTIONHERO_{name}: .*it is empty; set a "):
        load({f"ACTIONHERO_{name}": ""})


def test_paths_are_relative_to_the_settings_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current folder of the process makes no difference."""
    (folder / "inner").mkdir()
    (folder / "inner" / "actionhero.toml").write_text("[web]\nstatic = 'public'\n")
    monkeypatch.setenv("HOME", "/home/of/me")

    sources = read_sources(folder / "inner", environ={"ACTIONHERO_APP__DATA_DIR": "~/data"})
    settings = load_settings([AppSettings, WebSettings], sources)
    default = load_settings([AppSettings, WebSettings], read_sources(folder / "inner", environ={}))

    assert settings.get(WebSettings).static == folder / "inner" / "public"
    assert settings.get(AppSettings).data_dir == Path("/home/of/me/data")
    assert default.get(AppSettings).data_dir == folder / "inner" / ".actionhero"


def test_settings_are_immutable() -> None:
    """Loaded settings do not change during the life of the process."""
    with pytest.raises(ValueError, match="frozen"):
        load().get(WebSettings).port = 1


def test_empty_sections_are_valid(folder: Path) -> None:
    """A section can have all of its lines commented out."""
    (folder / "actionhero.yaml").write_text("web:\nlogs: {}\n")

    assert load().get(WebSettings).port == 8080


# LoadedSettings


def test_a_section_is_found_by_its_name() -> None:
    """By plugins that do not depend on the package of its class."""
    settings = load(classes=[AppSettings, WebSettings])

    assert settings.find("web") is settings.get(WebSettings)
    assert settings.find("redis") is None


def test_settings_that_are_not_loaded_are_an_error() -> None:
    """The message lists the loaded classes."""
    with pytest.raises(BootError) as caught:
        load(classes=[AppSettings]).get(WebSettings)

    assert str(caught.value) == (
        "settings 'WebSettings' are not loaded; available: AppSettings. Return the class from the "
        "hook actionhero_settings, or enable its plugin"
    )
    assert WebSettings not in load(classes=[AppSettings])


def test_was_set_distinguishes_set_values_from_defaults() -> None:
    """An embedded store in production must be set explicitly."""
    settings = load({"ACTIONHERO_WEB__PORT": "8080", "REDIS_URL": "redis://localhost"})

    assert settings.was_set(WebSettings, "port")
    assert settings.was_set(StoreSettings, "url")
    assert not settings.was_set(WebSettings, "host")
    with pytest.raises(BootError, match="settings 'WebSettings' have no key 'prot'"):
        settings.was_set(WebSettings, "prot")


def test_rows_have_values_origins_and_defaults(folder: Path) -> None:
    """`actionhero config` lists them."""
    (folder / "actionhero.toml").write_text("[web]\nhost = 'h'\ntimeout = '90s'\n")

    rows = load({"PORT": "80", "ACTIONHERO_WEB__LIMITS": "1,2"}).rows()

    web = {row.key: row for row in rows if row.section == "web"}
    listed = {key: (row.value, row.origin, row.default) for key, row in web.items()}
    assert listed == {
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
    assert web["port"].description == "The TCP port."
    assert [row.section for row in rows][:5] == ["app"] * 5


@pytest.mark.parametrize(
    ("text", "formatted"),
    [("0", "0s"), ("1500ms", "1s500ms"), ("25h", "1d1h"), ("0.0005", "0.0005s")],
)
def test_durations_are_formatted_with_units(text: str, formatted: str) -> None:
    """The formatted text is a valid value."""
    rows = load({"ACTIONHERO_ACTIONS__TIMEOUT": text}).rows()

    [timeout] = [row.value for row in rows if (row.section, row.key) == ("actions", "timeout")]
    assert timeout == formatted


def test_the_reference_lists_defaults_and_types() -> None:
    """The reference of settings requires the classes only."""

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
    """The reference of settings requires descriptions."""
    assert [row for row in settings_reference(CORE_SETTINGS) if not row.description] == []


def test_duplicate_sections_are_an_error() -> None:
    """Both classes are named. The same class twice is no error."""

    class OtherSettings(Settings):
        section: ClassVar[str] = "web"

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[WebSettings, OtherSettings])

    message = str(caught.value)
    assert message.startswith("settings section 'web' is defined by both '")
    assert message.endswith("OtherSettings'; rename one, or disable one of the plugins")
    assert "WebSettings' and " in message
    assert load(classes=[WebSettings, WebSettings]).get(WebSettings).port == 8080


def test_duplicate_variables_are_an_error() -> None:
    """Two plugins cannot both define `PORT`."""

    class OtherSettings(Settings):
        section: ClassVar[str] = "other"
        env_aliases: ClassVar[Mapping[str, str]] = {"PORT": "port"}
        port: int = 1

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[WebSettings, OtherSettings])

    assert str(caught.value) == (
        "variable 'PORT' is an alias of both 'web.port' and 'other.port'; "
        "remove it from the env_aliases of one"
    )


def test_a_variable_of_an_unknown_field_is_an_error() -> None:
    """The alias of a plugin must refer to one of its keys."""

    class OtherSettings(Settings):
        section: ClassVar[str] = "other"
        env_aliases: ClassVar[Mapping[str, str]] = {"PORT": "prot"}
        port: int = 1

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[OtherSettings])

    assert str(caught.value).endswith(
        "map the variable 'PORT' to the unknown key 'prot'; available: port"
    )


@pytest.mark.parametrize("name", ["", "Web", "my-web", "a__b"])
def test_section_names_must_fit_into_a_variable(name: str) -> None:
    """Other names are an error."""
    other = type("OtherSettings", (Settings,), {"section": name, "__module__": "mail"})

    with pytest.raises(ConfigurationError) as caught:
        load(classes=[other])

    assert str(caught.value) == (
        f"settings 'mail.OtherSettings' have the invalid section name {name!r}; use lowercase "
        f"letters, digits and single underscores"
    )


# Errors


def test_all_errors_are_reported_at_once(folder: Path) -> None:
    """Users fix all of their settings in one go."""
    (folder / "actionhero.toml").write_text(
        "[web]\nprot = 1\ntimeout = 'soon'\n[wbe]\na = 1\nb = 2\n[logs]\nlevel = 'loud'\n"
    )
    environ = {"ACTIONHERO_WEB__PORT": "http", "ACTIONHERO_WEB__HOTS": "h"}

    assert error_lines(environ) == [
        "actionhero.toml:2 web.prot: unknown setting 'web.prot'; did you mean 'port'?",
        f"actionhero.toml:4 wbe: unknown section 'wbe'; did you mean 'web'? {PLUGIN_HINT}",
        "ACTIONHERO_WEB__HOTS: unknown setting 'web.hots'; did you mean 'ACTIONHERO_WEB__HOSTS'?",
        "actionhero.toml:8 logs.level: invalid value 'loud': "
        "should be 'debug', 'info', 'warn', 'error' or 'fatal'",
        "ACTIONHERO_WEB__PORT: invalid value 'http': "
        "should be a valid integer, unable to parse string as an integer",
        "actionhero.toml:3 web.timeout: invalid value 'soon': should be a duration: seconds, "
        "or a number with ms, s, m, h or d, such as '20s'",
    ]


def test_one_error_is_one_line() -> None:
    """The heading is singular."""
    with pytest.raises(ConfigurationError) as caught:
        load({"PORT": "65536"})

    assert str(caught.value) == (
        "1 invalid setting:\n  PORT: invalid value '65536': should be less than or equal to 65535"
    )
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "ACTIONHERO_WEB_PORT",
            f"unknown setting; did you mean 'ACTIONHERO_WEB__PORT'? {PLUGIN_HINT}",
        ),
        (
            "ACTIONHERO_WBE__PORT",
            f"unknown setting; did you mean 'ACTIONHERO_WEB__PORT'? {PLUGIN_HINT}",
        ),
        (
            "ACTIONHERO_XYZ",
            "unknown setting; variables are named ACTIONHERO_<SECTION>__<KEY>",
        ),
        (
            "ACTIONHERO_XYZ__Q",
            "unknown section 'xyz'; available: app, plugins, actions, errors, process, logs, "
            f"web, store; {PLUGIN_HINT}",
        ),
        (
            "ACTIONHERO_ERRORS__XYZ",
            "unknown setting 'errors.xyz'; available: ACTIONHERO_ERRORS__SHOW_TRACEBACKS",
        ),
        (
            "ACTIONHERO_WEB__CORS__XYZ",
            "unknown setting 'web.cors.xyz'; available: ACTIONHERO_WEB__CORS__ORIGINS, "
            "ACTIONHERO_WEB__CORS__MAX_AGE, ACTIONHERO_WEB__CORS__TOKEN",
        ),
    ],
)
def test_unknown_variables_are_an_error(folder: Path, name: str, message: str) -> None:
    """In the environment and in `.env`."""
    in_environment = error_lines({name: "1"})
    (folder / ".env").write_text(f"\n{name}=1\n")

    assert in_environment == [f"{name}: {message}"]
    assert error_lines() == [f".env:2 {name}: {message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "port = 1\n",
            "actionhero.toml:1 port: 'port' is not in a section; did you mean 'web.port'?",
        ),
        ("x = 1\n", "actionhero.toml:1 x: 'x' is not in a section; available: web"),
        (
            "web = 1\n",
            "actionhero.toml:1 web: section 'web' must be a table of settings",
        ),
        (
            "[mail]\n",
            f"actionhero.toml:1 mail: unknown section 'mail'; available: web; {PLUGIN_HINT}",
        ),
        (
            "[web.cors]\norgins = 1\n",
            "actionhero.toml:2 web.cors.orgins: unknown setting 'web.cors.orgins'; "
            "did you mean 'origins'?",
        ),
        (
            "[web]\nlimits = [1, 'x']\n",
            "actionhero.toml:2 web.limits.1: invalid value 'x': "
            "should be a valid integer, unable to parse string as an integer",
        ),
        (
            "[web]\nhosts = 1\n",
            "actionhero.toml:2 web.hosts: invalid value 1: should be a list: a,b in a "
            "variable, ['a', 'b'] in a file or should be '*'",
        ),
        (
            "[web.headers]\na = 1\n",
            "actionhero.toml:2 web.headers.a: invalid value 1: should be a valid string",
        ),
        (
            "[web]\ncors = 1\n",
            "actionhero.toml:2 web.cors: invalid value '******': should be a valid dictionary "
            "or instance of CorsSettings",
        ),
    ],
)
def test_an_error_in_a_file_has_its_line(folder: Path, text: str, message: str) -> None:
    """The message contains the line, the value and the expected values."""
    (folder / "actionhero.toml").write_text(text)

    assert error_lines(classes=[WebSettings]) == [message]


def test_overridden_values_are_not_validated(folder: Path) -> None:
    """A later source can fix an earlier one."""
    (folder / "actionhero.toml").write_text("[web]\nport = 'x'\n")

    assert load({"PORT": "1"}).get(WebSettings).port == 1


def test_an_error_in_a_merged_table_has_the_origin_of_its_part(folder: Path) -> None:
    """The other sources of the table are not named."""
    (folder / "actionhero.toml").write_text("[web.headers]\na = '1'\nb = 1\n")

    assert error_lines({"ACTIONHERO_WEB__HEADERS__A": "2"}) == [
        "actionhero.toml:3 web.headers.b: invalid value 1: should be a valid string"
    ]


def test_invalid_json_is_an_error() -> None:
    """A variable that begins like JSON must be JSON."""
    assert error_lines({"ACTIONHERO_WEB__LIMITS": "[1, 2", "ACTIONHERO_WEB__PORT": "x"}) == [
        "ACTIONHERO_WEB__LIMITS: invalid value '[1, 2': invalid JSON: "
        "Expecting ',' delimiter (at column 6)",
        "ACTIONHERO_WEB__PORT: invalid value 'x': "
        "should be a valid integer, unable to parse string as an integer",
    ]


def test_missing_required_settings_are_an_error() -> None:
    """The message names the variable and the key. An unparsable value is not missing."""

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        senders: list[str]
        group: CorsSettings

    lines = error_lines({"ACTIONHERO_MAIL__GROUP": "{"}, classes=[MailSettings])

    assert lines == [
        "ACTIONHERO_MAIL__GROUP: invalid value '******': invalid JSON: "
        "Expecting property name enclosed in double quotes (at column 2)",
        "mail.senders: required setting; set ACTIONHERO_MAIL__SENDERS, or 'senders' of [mail] in "
        "the settings file",
    ]


def test_keys_in_a_list_have_no_variables_of_their_own() -> None:
    """The messages name the variable that contains the list, and the keys."""

    class Sender(BaseModel):
        model_config = ConfigDict(extra="forbid")
        address: str

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        senders: list[Sender]
        main: Sender | None = None

    environ = {
        "ACTIONHERO_MAIL__SENDERS": '[{"adress": "a"}]',
        "ACTIONHERO_MAIL__MAIN": "{}",
    }

    lines = error_lines(environ, classes=[MailSettings])

    assert sorted(lines) == [
        "ACTIONHERO_MAIL__SENDERS.0.adress: unknown setting 'mail.senders.0.adress'; did you mean "
        "'address'?",
        "ACTIONHERO_MAIL__SENDERS.0: the key 'address' is required, and missing; add it",
        "mail.main.address: required setting; set ACTIONHERO_MAIL__MAIN__ADDRESS, or "
        "'main.address' of [mail] in the settings file",
    ]


def test_an_invalid_default_is_an_error() -> None:
    """Plugins cannot break their own rules."""

    class MailSettings(Settings):
        section: ClassVar[str] = "mail"
        size: int = Field(default=0, ge=1)

    assert error_lines(classes=[MailSettings]) == [
        "mail.size: invalid default 0: should be greater than or equal to 1"
    ]


def test_errors_name_the_command_line_and_code() -> None:
    """Options and instances have the same messages as other sources."""
    assert error_lines(web={"prot": 1}) == [
        "command line web.prot: unknown setting 'web.prot'; did you mean 'port'?"
    ]
    assert error_lines(wbe={"port": 1}) == [
        f"command line wbe: unknown section 'wbe'; did you mean 'web'? {PLUGIN_HINT}"
    ]
    assert error_lines(classes=[StoreSettings], instances=[WebSettings(port=1)]) == [
        f"code web: unknown section 'web'; available: store; {PLUGIN_HINT}"
    ]


def test_long_values_are_truncated_in_errors() -> None:
    """A certificate in the wrong variable does not fill the screen."""
    (line,) = error_lines({"PORT": "x" * 1000})

    assert line.startswith(f"PORT: invalid value '{'x' * 99}…: ")


def test_an_invalid_combination_is_one_error() -> None:
    """It is the error of its section."""
    environ = {"ACTIONHERO_STORE__PASSWORD": "hunter2", "ACTIONHERO_STORE__TOKEN": "a-long-token"}

    assert error_lines(environ) == ["store: set either password or token: ****** ******"]


# Secrets


def representations(settings: LoadedSettings) -> str:
    """Return the texts of all representations of loaded settings."""
    return "\n".join(
        [
            repr(settings),
            str(settings),
            *map(repr, settings),
            *map(str, settings),
            repr(settings.rows()),
        ]
    )


def test_secrets_are_masked_in_listings_and_representations() -> None:
    """The values themselves are available."""
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

    settings = load(environ)

    text = representations(settings)
    assert "hunter2" not in text
    assert "7777777" not in text
    rows = {f"{row.section}.{row.key}": row for row in settings.rows()}
    assert rows["app.secret_key"].value == "******"
    assert rows["app.secret_key"].is_secret
    assert rows["store.password"].value == "******"
    assert rows["store.pins"].value == "******"
    assert rows["store.url"].value == "redis://:******@host"
    assert rows["store.dsn"].value.startswith("redis://me:******@host")
    assert rows["web.proxies"].value == "http://u:******@a,http://u:******@b"
    assert '"token": "******"' in rows["web.cors"].value
    assert settings.get(StoreSettings).url == "redis://:hunter2@host"


def test_fields_marked_as_secret_are_masked() -> None:
    """`Secret[str]` is as secret as `SecretStr`."""
    settings = load({"ACTIONHERO_STORE__TOKEN": "hunter2-hunter2"})

    assert settings.get(StoreSettings).token == "hunter2-hunter2"
    assert "hunter2" not in representations(settings)


def test_secret_defaults_are_masked() -> None:
    """In the reference and in representations."""

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
def test_invalid_secrets_are_not_in_errors(folder: Path, key: str, text: str) -> None:
    """Neither in the message nor in its traceback."""
    with pytest.raises(ConfigurationError) as caught:
        load({f"ACTIONHERO_{key}": text})

    assert f"ACTIONHERO_{key}".split("__TOKEN")[0] in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_messages_with_short_secrets_are_replaced() -> None:
    """The masked places would reveal the secret."""
    (line,) = error_lines({"ACTIONHERO_STORE__TOKEN": "a"})

    assert line == (
        "ACTIONHERO_STORE__TOKEN: invalid value '******': rejected by a validator whose message "
        "contains the secret"
    )


def test_secrets_are_masked_in_messages_of_validators() -> None:
    """The rest of the message is unchanged."""
    assert error_lines({"ACTIONHERO_STORE__TOKEN": "hunter2"}) == [
        "ACTIONHERO_STORE__TOKEN: invalid value '******': "
        "'******' is too short, at least 12 characters are required"
    ]


def test_errors_of_instances_contain_no_values() -> None:
    """Tests that create invalid instances do not print secrets."""
    with pytest.raises(ValueError, match="port") as caught:
        WebSettings.model_validate({"port": "hunter2"})

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "masked"),
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
def test_passwords_in_urls_are_masked(text: str, masked: str) -> None:
    """The rest of the URL is unchanged."""
    assert mask_url(text) == masked


# Core's own sections


def test_the_name_of_the_application_defaults_to_its_package() -> None:
    """The setting overrides it."""
    assert load().get(AppSettings).name == "actionhero"
    assert load({"ACTIONHERO_APP__PACKAGE": "guest.book"}).get(AppSettings).name == "guest.book"
    assert load(app={"package": "guestbook", "name": "Guests"}).get(AppSettings).name == "Guests"


def test_the_package_must_be_an_import_name() -> None:
    """The name of a distribution or a file is invalid."""
    assert error_lines({"ACTIONHERO_APP__PACKAGE": "guest-book"}) == [
        "ACTIONHERO_APP__PACKAGE: invalid value 'guest-book': "
        "should be an import name, such as 'guestbook'"
    ]


def test_time_limits_must_not_be_negative() -> None:
    """0 is no limit."""
    assert load({"ACTIONHERO_ACTIONS__TIMEOUT": "0"}).get(ActionsSettings).timeout == timedelta(0)
    assert error_lines({"ACTIONHERO_ACTIONS__TIMEOUT": "-1"}) == [
        "ACTIONHERO_ACTIONS__TIMEOUT: invalid value '-1': should be greater than or equal to "
        "0 seconds"
    ]


def test_tracebacks_default_to_development_only() -> None:
    """The setting overrides the default."""
    unset, on = ErrorsSettings(), ErrorsSettings(show_tracebacks=True)

    assert unset.shows_tracebacks("development")
    assert not unset.shows_tracebacks("test")
    assert not unset.shows_tracebacks("production")
    assert on.shows_tracebacks("production")


def test_the_log_format_depends_on_terminal_and_environment() -> None:
    """The setting overrides the default."""
    auto, json = LoggerSettings(), LoggerSettings(format="json")

    assert auto.resolve_format("production", is_terminal=False) == "json"
    assert auto.resolve_format("production", is_terminal=True) == "console"
    assert auto.resolve_format("development", is_terminal=False) == "console"
    assert json.resolve_format("development", is_terminal=True) == "json"


def test_loading_creates_no_data_folder(folder: Path) -> None:
    """Loading settings has no side effects."""
    load()

    assert list(folder.iterdir()) == []


def test_the_data_folder_is_created_on_demand(folder: Path) -> None:
    """It is private, and git ignores it."""
    data_dir = load().get(AppSettings).make_data_dir()

    assert data_dir == folder / ".actionhero"
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert (data_dir / ".gitignore").read_text() == "*\n"
    assert load().get(AppSettings).make_data_dir() == data_dir


def test_a_data_folder_that_cannot_be_created_is_an_error(folder: Path) -> None:
    """The message names the setting."""
    (folder / ".actionhero").write_text("a file")

    with pytest.raises(ConfigurationError) as caught:
        load().get(AppSettings).make_data_dir()

    assert str(caught.value) == (
        "cannot create data folder '.actionhero': File exists; "
        "set app.data_dir (ACTIONHERO_APP__DATA_DIR) to a writable folder"
    )


def test_the_secret_key_is_generated_once_outside_of_production(folder: Path) -> None:
    """Cookies survive a restart. The file is private."""
    first = load().get(AppSettings).get_secret_key("development")
    second = load().get(AppSettings).get_secret_key("test")

    file = folder / ".actionhero" / "secret_key"
    assert first == second
    assert len(first.get_secret_value()) == 64
    assert file.read_text() == first.get_secret_value()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == [".gitignore", "secret_key"]


def test_the_secret_key_is_generated_without_links(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems do not support links."""

    def fail(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)

    key = load().get(AppSettings).get_secret_key("development")

    assert (folder / ".actionhero" / "secret_key").read_text() == key.get_secret_value()


def test_concurrent_processes_have_the_same_secret_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of the faster process is used."""
    link = os.link

    def link_later(source: Path, target: Path) -> None:
        target.write_text("of the other process")
        link(source, target)

    monkeypatch.setattr(os, "link", link_later)

    key = load().get(AppSettings).get_secret_key("development")

    assert key.get_secret_value() == "of the other process"


def test_the_secret_key_of_the_settings_is_used() -> None:
    """In every environment."""
    settings = load({"ACTIONHERO_APP__SECRET_KEY": "mine"}).get(AppSettings)

    assert settings.get_secret_key("production").get_secret_value() == "mine"
    assert settings.get_secret_key("development").get_secret_value() == "mine"


def test_production_requires_a_secret_key() -> None:
    """Settings are loaded without it; the error occurs on first use."""
    settings = load({"ACTIONHERO_ENV": "production"}).get(AppSettings)

    with pytest.raises(ConfigurationError) as caught:
        settings.get_secret_key("production")

    assert str(caught.value) == (
        "app.secret_key is required in production; set ACTIONHERO_APP__SECRET_KEY to a "
        "long random text that all processes share, such as the output of: "
        'python -c "import secrets; print(secrets.token_hex(32))"'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"\n",
            "secret key file '.actionhero/secret_key' is empty; delete it to generate a new key",
        ),
        (
            b"\xff",
            "cannot read or create secret key file '.actionhero/secret_key': it is not text; "
            "delete it, or set ACTIONHERO_APP__SECRET_KEY",
        ),
    ],
)
def test_an_invalid_secret_key_file_is_an_error(folder: Path, content: bytes, message: str) -> None:
    """An empty key is never used."""
    (folder / ".actionhero").mkdir()
    (folder / ".actionhero" / "secret_key").write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load().get(AppSettings).get_secret_key("development")

    assert str(caught.value) == message
