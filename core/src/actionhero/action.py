"""Actions: the base class, registered actions, and their registry."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

from actionhero.action_attributes import (
    added_middleware,
    deprecation_of,
    requirements,
    version_of,
)
from actionhero.errors import ActionNotFound, PluginError
from actionhero.inputs.run_faults import run_fault
from actionhero.inputs.schema import InputSchema
from actionhero.inputs.signature import RunSignature
from actionhero.middleware import Middleware
from actionhero.outputs import Encoded, OutputSchema, decode, item_type_of
from actionhero.streams import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping, Sequence
    from datetime import date

    from actionhero.action_attributes import ActionAttribute

    #: A route in each of its forms.
    _Route: TypeAlias = ActionAttribute | str | Mapping[str, Any]


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")


class Action:
    """One operation: subclass it, give it a `name`, and write `run`.

    The docstring is the description in API documents, `--help` and listings. The annotation of
    `inputs` in `run` is the schema of the inputs, the return annotation that of the result. Other
    parameters of `run` are fields of the inputs: `run(self, id: int, verbose: bool = False)`. A
    plugin validates its attributes, such as `web` or `task`, when the application loads.

    Example:
        ```python
        class Greet(Action):
            \"\"\"Greet someone by name.\"\"\"

            name = "greet"
            web = "GET /greet/{name}"

            async def run(self, inputs: GreetInputs, call: Call) -> Greeting:
                return {"greeting": f"Hello, {inputs.name}!"}
        ```
    """

    #: The name on every transport: `noun:verb` by convention, of letters, digits and `:._-`.
    name: ClassVar[str]
    #: The description; defaults to the docstring.
    description: ClassVar[str] = ""
    #: The middleware of this action, the outermost first.
    middleware: ClassVar[Sequence[Middleware]] = ()
    #: The time limit of `run`; `None`: the setting `actions.timeout`; zero: no limit.
    timeout: ClassVar[timedelta | None] = None
    #: The version of this action, if there are several with its name. Version 2 of `user:create`
    #: is called `user:create@2` on every transport, and its HTTP paths begin with `/v2`; the name
    #: without a suffix is version 1, and so is an action without a version.
    version: ClassVar[int | None] = None
    #: The date from which clients should no longer use this action (RFC 9745); it may be ahead.
    deprecated: ClassVar[date | None] = None
    #: The date from which this action may be gone (RFC 8594).
    sunset: ClassVar[date | None] = None
    #: The requirements of the caller, one or several: `SignedIn()`, `Scope("messages:write")`,
    #: `Permission("admin")`, a function of the call, combined by `&` and `|`; or objects of a
    #: plugin that enforces them. Checked before the inputs are validated, on every transport.
    requires: ClassVar[Any] = ()
    #: Whether results with undeclared data are filtered (`filter`) or an error (`strict`); `None`:
    #: the setting `actions.validate_outputs`.
    validate_outputs: ClassVar[Literal["filter", "strict"] | None] = None
    #: The names around a class that is defined in a function; its annotations may use them.
    _local_names: ClassVar[Mapping[str, Any]] = {}

    if TYPE_CHECKING:
        #: The operation: asynchronous, or an asynchronous generator.
        run: Callable[..., Awaitable[Any] | AsyncIterable[Any]]
        #: The routes, if `actionhero-web` is installed; see `actionhero_web.Route`.
        web: ClassVar[_Route | Sequence[_Route] | bool | None]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        caller = sys._getframe(1)
        if caller.f_code.co_name != "<module>":
            cls._local_names = dict(caller.f_locals)


class RegisteredAction:
    """One action of an application, with its schemas, checked when the application loads.

    Args:
        action: The class of the action.
        owner: The plugin that contributes the action, for error messages.

    Raises:
        PluginError: The class is not a valid action; the message names the fault and the place.
    """

    def __init__(self, action: type[Action], owner: str) -> None:
        self.type = action
        self.owner = owner
        self.source = source_of(action)
        self.name: str = getattr(action, "name", "")
        where = f"action {action.__qualname__!r} ({self.source}, {owner})"
        if not isinstance(self.name, str):
            raise PluginError(f"{where} has name = {self.name!r}; write a text, as in 'noun:verb'")
        if not self.name:
            raise PluginError(f"{where} has no name; set name = 'noun:verb' on the class")
        if not _NAME.fullmatch(self.name):
            raise PluginError(
                f"{where} has the name {self.name!r}; use ASCII letters, digits and ':._-' only, "
                "a letter or digit first"
            )
        declared_version = version_of(action, f"action {self.name!r} ({self.source}, {owner})")
        #: The name without the version.
        self.base_name = self.name
        #: The version; 1 for an action without one.
        self.version = declared_version or 1
        #: Whether the class declares a version.
        self.has_version = declared_version is not None
        if self.version > 1:
            self.name = f"{self.base_name}@{self.version}"
        where = f"action {self.name!r} ({self.source}, {owner})"
        #: The times of the deprecation and of the removal, if they are declared.
        self.deprecated, self.sunset = deprecation_of(action, where)
        #: The requirements of a call: those of its attributes, such as the group of its route, and
        #: its own. Plugins read and enforce their own types of them.
        self.requires = requirements(action)
        run = getattr(action, "run", None)
        if fault := run_fault(action):
            raise PluginError(f"{where} {fault}")
        if not isinstance(action.description, str):
            raise PluginError(
                f"{where} has description = {action.description!r}; write a text, or a docstring"
            )
        # Not `inspect.getdoc`, which returns the docstring of `Action` for a class without one.
        self.description: str = action.description or inspect.cleandoc(action.__doc__ or "")
        enforcing = (item for item in self.requires if isinstance(item, Middleware))
        self.middleware = (*added_middleware(action), *enforcing, *_middleware(action, where))
        #: Whether `run` is an async generator; its items are events.
        self.is_generator = inspect.isasyncgenfunction(run)
        #: The parameters of `run`.
        self.signature = RunSignature(
            run, action.__name__, action.__module__, action._local_names, where
        )
        self.inputs_type = self.signature.inputs_type
        output_type = self.signature.output_type
        try:
            self.inputs = InputSchema(self.inputs_type)
        except Exception as error:
            raise PluginError(
                f"{where} takes inputs of {self.inputs_type!r}, which cannot be validated: "
                f"{self.signature.schema_fault(error)}"
            ) from error
        inputs = self.inputs
        if fault := inputs.constraint_fault() or inputs.source_fault() or inputs.default_fault():
            raise PluginError(f"{where} has {fault}")
        self.output_type = output_type
        #: Whether it streams: `run` is a generator, or is annotated to return a `Stream`.
        self.streams = self.is_generator or Stream in (output_type, *get_args(output_type))
        #: The schema of the result; that of its items if `run` is a generator.
        self.outputs = OutputSchema(
            item_type_of(output_type) if self.is_generator else output_type, where
        )
        mode = action.validate_outputs
        if mode not in (None, "filter", "strict"):
            raise PluginError(
                f"{where} has validate_outputs = {mode!r}; write 'filter' or 'strict'"
            )
        limit = action.timeout
        if limit is not None and not isinstance(limit, timedelta):
            raise PluginError(
                f"{where} has timeout = {limit!r}; write timeout = timedelta(seconds=…)"
            )
        if limit is not None and limit < timedelta(0):
            raise PluginError(
                f"{where} has timeout = {limit!r}, which is below zero; zero means no limit"
            )
        try:
            self.instance = action()
        except Exception as error:
            raise PluginError(
                f"{where} cannot be created without arguments: {type(error).__name__}: {error}; "
                "get resources by call.get in run"
            ) from error

    @property
    def names(self) -> tuple[str, ...]:
        """All names: version 1 is called `user:create@1`, too."""
        return (self.name, f"{self.name}@1") if self.version == 1 else (self.name,)

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.strip().partition("\n")[0]

    def declared(self, value: Any) -> Any:
        """Return a result without the data that the return annotation does not declare."""
        if type(value) is Encoded:
            return decode(value.body)
        if self.is_generator and isinstance(value, list):
            return [self.outputs.declared(item) for item in value]
        return self.outputs.declared(value)

    def attribute(self, name: str) -> Any:
        """Return the attribute `name` of the class, which belongs to a plugin, or `None`."""
        return getattr(self.type, name, None)

    def __repr__(self) -> str:
        return f"<action {self.name!r} of {self.owner}>"


class ActionRegistry:
    """All actions of an application, by name."""

    def __init__(self) -> None:
        #: By all names of each action.
        self._by_name: dict[str, RegisteredAction] = {}
        self._by_type: dict[type, RegisteredAction] = {}

    def add(self, action: RegisteredAction) -> None:
        """Add `action`.

        Raises:
            PluginError: Another action has the same name; the message names both plugins.
        """
        other = self._by_name.get(action.name)
        if other is not None:
            raise PluginError(
                f"two actions are called {action.name!r}: {other.type.__qualname__} "
                f"({other.source}, {other.owner}) and {action.type.__qualname__} "
                f"({action.source}, {action.owner}); rename one, give one another version, or "
                "disable one of the plugins"
            )
        self._by_name |= dict.fromkeys(action.names, action)
        self._by_type[action.type] = action

    def find(self, name: str) -> RegisteredAction:
        """Return the action called `name`.

        Raises:
            ActionNotFound: No action has that name. The message lists the three nearest.
        """
        try:
            return self._by_name[name]
        except KeyError:
            near = _nearest(name, [action.name for action in self])
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ActionNotFound(f"Action not found: {name}{hint}") from None

    def of_type(self, type_: type) -> RegisteredAction:
        """Return the action of class `type_`.

        Raises:
            ActionNotFound: The class is not registered.
        """
        try:
            return self._by_type[type_]
        except KeyError:
            raise ActionNotFound(f"Action not found: {type_.__qualname__}") from None

    def __iter__(self) -> Iterator[RegisteredAction]:
        return iter(sorted(self._by_type.values(), key=lambda action: action.name))

    def __len__(self) -> int:
        return len(self._by_type)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name


def _nearest(name: str, names: Sequence[str], count: int = 3) -> list[str]:
    """Return the names that were perhaps meant: with `name` as a part, or spelled like it."""
    # Imported here because most calls have a known name.
    from difflib import get_close_matches  # noqa: PLC0415

    whole_parts = [each for each in names if name in each.split(":")]
    by_last_part = {each.rpartition(":")[2]: each for each in names}
    near = get_close_matches(name, names, n=count)
    near += [by_last_part[part] for part in get_close_matches(name, by_last_part)]
    return list(dict.fromkeys([*whole_parts, *near]))[:count]


def find_subclasses(module_names: Iterable[str], base: type) -> list[type]:
    """Return the subclasses of `base` that the modules define, in order of definition.

    Abstract classes, and those whose name begins with an underscore, are left out.
    """
    return [
        value
        for module_name in module_names
        for value in vars(sys.modules[module_name]).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value is not base
        and value.__module__ == module_name
        and not value.__name__.startswith("_")
        and not inspect.isabstract(value)
    ]


def source_of(action: type) -> str:
    """Return the file and line of an action, for messages; its module if it has no `run`."""
    # Not `inspect.getsourcelines`, which parses the whole file for each class.
    code = getattr(getattr(action, "run", None), "__code__", None)
    if code is None:
        return str(getattr(sys.modules.get(action.__module__), "__file__", action.__module__))
    line = getattr(action, "__firstlineno__", code.co_firstlineno)
    return f"{code.co_filename}:{line}"


def _middleware(action: type[Action], where: str) -> tuple[Middleware, ...]:
    if not isinstance(action.middleware, Iterable):
        raise PluginError(
            f"{where} has middleware = {action.middleware!r}; write a list, as in "
            "middleware = [SignedIn()]"
        )
    for item in action.middleware:
        if not (hasattr(item, "before") and hasattr(item, "after")) or isinstance(item, type):
            remedy = "subclass Middleware, and list an instance"
            if isinstance(item, type) and issubclass(item, Middleware):
                remedy = f"create it, as in {item.__name__}()"
            raise PluginError(
                f"{where} lists {item!r} as middleware, which is not an instance of Middleware; "
                f"{remedy}"
            )
    return tuple(action.middleware)
