"""An operation that is written once and answers at every door."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_type_hints

from actionhero.errors import ActionNotFound, PluginError
from actionhero.inputs.output_schema import OutputSchema
from actionhero.inputs.schema import Inputs, InputSchema
from actionhero.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from actionhero.middleware import Middleware


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")


class Action:
    """One operation: subclass it, give it a `name`, and write `run`.

    The docstring is its description, in API documents, `--help` and listings. The annotation of
    `inputs` in `run` says what it takes, the return annotation what it gives. Attributes that a
    plugin owns, such as `web` or `task`, are checked by that plugin when the application loads.

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

    #: By which it is called everywhere: `noun:verb` by custom, letters, digits and `:._-`.
    name: ClassVar[str]
    #: One sentence and more; taken from the docstring where it is not set.
    description: ClassVar[str] = ""
    #: What runs around it, the outermost first.
    middleware: ClassVar[Sequence[Middleware]] = ()
    #: How long `run` may take; `None`: as long as `actions.timeout` says; zero: for ever.
    timeout: ClassVar[timedelta | None] = None
    #: Names that its annotations may use beside those of its module: those around a local class.
    _local_names: ClassVar[Mapping[str, Any]] = {}

    if TYPE_CHECKING:
        run: Callable[..., Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        caller = sys._getframe(1)
        if caller.f_code.co_name != "<module>":
            cls._local_names = dict(caller.f_locals)


class RegisteredAction:
    """One action of a running application, and all that can be worked out of it at start-up.

    Args:
        action: The class that the author wrote.
        owner: Which plugin gave it, for error messages.

    Raises:
        PluginError: The class cannot be an action; the message says what to mend, and where.
    """

    def __init__(self, action: type[Action], owner: str) -> None:
        self.type = action
        self.owner = owner
        self.source = _source(action)
        self.name: str = getattr(action, "name", "")
        where = f"action {action.__qualname__!r} ({self.source}, {owner})"
        if not isinstance(self.name, str) or not self.name:
            raise PluginError(f"{where} has no name; set name = 'noun:verb' on the class")
        if not _NAME.fullmatch(self.name):
            raise PluginError(
                f"{where} has the name {self.name!r}; use ASCII letters, digits and ':._-' only, "
                "a letter or digit first"
            )
        where = f"action {self.name!r} ({self.source}, {owner})"
        run = getattr(action, "run", None)
        if run is None or not (inspect.iscoroutinefunction(run) or inspect.isasyncgenfunction(run)):
            raise PluginError(
                f"{where} has no 'async def run'; write async def run(self, inputs, call)"
            )
        # The class's own docstring: `inspect.getdoc` would give that of `Action` instead of none.
        self.description: str = action.description or inspect.cleandoc(action.__doc__ or "")
        self.middleware = _middleware(action, where)
        #: Whether `run` is an async generator, whose items are events.
        self.is_generator = inspect.isasyncgenfunction(run)
        parameters = _parameters(run, where)
        self.takes_inputs = "inputs" in parameters
        self.takes_call = "call" in parameters
        self.inputs_type, output_type = _annotations(action, run, where)
        try:
            self.inputs = InputSchema(self.inputs_type)
        except Exception as error:
            raise PluginError(
                f"{where} takes inputs of {self.inputs_type!r}, which cannot be validated: {error}"
            ) from error
        self.output_type = output_type
        #: Whether it answers in pieces: it yields them, or says that it returns a `Stream`.
        self.streams = self.is_generator or Stream in (output_type, *get_args(output_type))
        self.outputs = OutputSchema(output_type)
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
                f"{where} cannot be made without arguments: {type(error).__name__}: {error}; "
                "reach what it needs by call.get in run"
            ) from error

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.strip().partition("\n")[0]

    def attribute(self, name: str) -> Any:
        """Return what the author set as `name` for a door, or `None`."""
        return getattr(self.type, name, None)

    def __repr__(self) -> str:
        return f"<action {self.name!r} of {self.owner}>"


class ActionRegistry:
    """All actions of an application, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, RegisteredAction] = {}
        self._by_type: dict[type, RegisteredAction] = {}

    def add(self, action: RegisteredAction) -> None:
        """Add `action`.

        Raises:
            PluginError: Another action has its name; the message names both owners.
        """
        other = self._by_name.get(action.name)
        if other is not None:
            raise PluginError(
                f"two actions are called {action.name!r}: {other.type.__qualname__} "
                f"({other.source}, {other.owner}) and {action.type.__qualname__} "
                f"({action.source}, {action.owner}); rename one, or disable one of the plugins"
            )
        self._by_name[action.name] = action
        self._by_type[action.type] = action

    def find(self, name: str) -> RegisteredAction:
        """Return the action called `name`.

        Raises:
            ActionNotFound: No action has that name. The message lists the nearest.
        """
        try:
            return self._by_name[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._by_name, n=3)
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
        return iter(sorted(self._by_name.values(), key=lambda action: action.name))

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name


def find_subclasses(module_names: Iterable[str], kind: type) -> list[type]:
    """Return the subclasses of `kind` that are defined in the modules, as they were written.

    Classes whose name begins with an underscore are the author's own bases, and left out.
    """
    return [
        value
        for module_name in module_names
        for value in vars(sys.modules[module_name]).values()
        if isinstance(value, type)
        and issubclass(value, kind)
        and value is not kind
        and value.__module__ == module_name
        and not value.__name__.startswith("_")
        and not inspect.isabstract(value)
    ]


def _source(action: type) -> str:
    # Not `inspect.getsourcelines`, which parses the whole file anew for each class in it.
    code = getattr(getattr(action, "run", None), "__code__", None)
    if code is None:
        return action.__module__
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
            raise PluginError(
                f"{where} lists {item!r} as middleware, which is not an instance of Middleware"
            )
    return tuple(action.middleware)


def _parameters(run: Any, where: str) -> list[str]:
    """Return which of `inputs` and `call` an action's `run` takes."""
    _, *parameters = inspect.signature(run).parameters.values()
    names = [parameter.name for parameter in parameters]
    if names not in ([], ["inputs"], ["call"], ["inputs", "call"]) or any(
        parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in parameters
    ):
        written = ", ".join(["self", *map(str, parameters)])
        raise PluginError(
            f"{where} has run({written}); it is called with 'inputs' and 'call', in this order, "
            "and either may be left out"
        )
    return names


def _annotations(action: type[Action], run: Any, where: str) -> tuple[Any, Any]:
    """Return the types of `inputs` and of what is returned; the type of `call` is never resolved.

    It may be imported for type checkers alone, so its name may not exist here.
    """
    resolved: list[Any] = []
    for name in ("inputs", "return"):
        annotation = run.__annotations__.get(name)
        if isinstance(annotation, str):
            holder = type("holder", (), {"__annotations__": {name: annotation}})
            namespace = getattr(sys.modules.get(action.__module__), "__dict__", {})
            # Where it was written, not where a decorator of it was.
            namespace = getattr(inspect.unwrap(run), "__globals__", namespace)
            try:
                hints = get_type_hints(
                    holder, namespace, dict(action._local_names), include_extras=True
                )
            except (AttributeError, NameError, SyntaxError, TypeError) as error:
                if name == "return":
                    # Only documents use it; what cannot be resolved is told as "anything".
                    resolved.append(None)
                    continue
                raise PluginError(
                    f"{where} annotates inputs as {annotation!r}, and {error}; import that name "
                    "outside of TYPE_CHECKING: it is needed at run time"
                ) from error
            annotation = hints[name]
        resolved.append(annotation)
    inputs, returned = resolved
    return (Inputs if inputs is None else inputs), returned
