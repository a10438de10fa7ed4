"""Advice about errors of modules of the application that cannot be imported."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import pkgutil
import re
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actionhero.errors import name_hint
from actionhero.inputs.near_misses import near_miss
from actionhero.inputs.undefined_names import advice, undefined_name

if TYPE_CHECKING:
    from types import FrameType

_MISSING: Final = re.compile(r"cannot import name '(\w+)'")
_NO_ATTRIBUTE: Final = re.compile(r"module 'actionhero\w*' has no attribute '(\w+)'")

_UNEXPECTED: Final = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")

_ACTION: Final = "an action is a class: class Items(Action), with name, web and async def run"
#: The remedies for names of other frameworks, which are imported from ours.
_FOREIGN: Final = {
    "APIRouter": "actions need no router; an action has its route in 'web'",
    "BaseModel": "inputs are a class of Inputs; other models are imported from pydantic",
    "BaseSettings": "settings are a class of Settings",
    "Body": "the fields of a body are parameters of run",
    "Depends": "an initializer provides an object, and call.get(Class) returns it",
    "FastAPI": _ACTION,
    "Flask": _ACTION,
    "HTTPException": "raise NotFound(…), Forbidden(…) or another subclass of TypedError",
    "Query": "the fields of a query are parameters of run",
    "Request": "the request over HTTP is call.connection.raw",
    "Response": "responses are classes of aiohttp.web",
    "Router": "actions need no router; an action has its route in 'web'",
    "UploadFile": "an uploaded file is an input of the type File",
}
#: The decorators of other frameworks.
_DECORATORS: Final = frozenset(
    {"action", "delete", "get", "patch", "post", "put", "route", "task", "websocket"}
)


def import_advice(error: BaseException) -> str | None:
    """Return the remedy for an error while a module is imported; `None` if it is not known."""
    frame = _last_frame(error)
    if frame is None:
        return None
    if isinstance(error, AttributeError):
        return _hidden_module(error, frame) or _decorator_advice(error)
    if isinstance(error, TypeError) and str(error) == "Action() takes no arguments":
        return f"Action is no decorator; {_ACTION}"
    if isinstance(error, TypeError) and str(error) == "'module' object is not callable":
        return _called_module_advice(frame)
    if isinstance(error, KeyError) and frame.f_globals.get("__name__") == "os":
        return f"set the environment variable {error.args[0]!r}"
    if isinstance(error, TypeError) and str(error).startswith("App.__init__() missing"):
        return f"applications are not created in code; {_ACTION}"
    if isinstance(error, TypeError) and (match := _UNEXPECTED.match(str(error))):
        return _argument_advice(match[1], match[2], frame)
    if isinstance(error, NameError) and (name := undefined_name(error)):
        remedy = advice(name, (*frame.f_locals, *frame.f_globals))
        return remedy or f"define or import {name!r} before this line"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _module_advice(error.name)
    if isinstance(error, ImportError):
        return _import_advice(error)
    if getattr(error, "code", None) == "model-field-missing-annotation":
        return "write its type, as in 'name: str = …'"
    if getattr(error, "code", None) == "schema-for-unknown-type":
        return (
            "use a model, a dataclass, a typed dictionary, or a type that pydantic supports as the "
            "type of the field"
        )
    if getattr(error, "code", None) == "removed-kwargs":
        # "`regex` is removed. use `pattern` instead"
        return str(error).partition(". ")[2].partition("\n")[0]
    if getattr(error, "code", None) == "decorator-missing-field":
        return "name fields of the model in the decorator"
    return None


def package_advice(package: str, root: Path) -> str:
    """Return the remedy for the name of a package that does not exist in a folder."""
    # A path, or a name as for other servers: `guestbook:app`.
    name = Path(package.partition(":")[0]).stem
    folders = [folder for folder in (root, root / "src") if folder.is_dir()]
    known = sorted(
        path.stem
        for folder in folders
        for path in folder.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    )
    if match := near_miss(name, known):
        return f"did you mean {match!r}?"
    return "fix app.package, or start in the folder of the application"


def _last_frame(error: BaseException) -> FrameType | None:
    traceback = error.__traceback__
    if traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame


def _module_advice(name: str) -> str:
    """Return the remedy for a module that does not exist, alone or in a package."""
    top, *inner = name.split(".")
    package = importlib.util.find_spec(top) if inner else None
    if package is None:
        return f"install {top!r} in this environment, or fix the import"
    folders = [
        str(Path(folder, *inner[:-1])) for folder in package.submodule_search_locations or ()
    ]
    match = near_miss(inner[-1], [module.name for module in pkgutil.iter_modules(folders)])
    return f"did you mean {match!r}?" if match else "create this module, or fix the import"


def _import_advice(error: ImportError) -> str | None:
    """Return the remedy if a module does not have an imported name."""
    if "circular import" in str(error):
        return "move the shared names to a third module, or the import into the function"
    match = _MISSING.match(str(error))
    if match and (error.name or "").partition("_")[0] == "actionhero":
        remedy = _FOREIGN.get(match[1]) or (_ACTION if match[1] in _DECORATORS else None)
        if remedy is not None:
            return remedy
    module = sys.modules.get(error.name or "")
    near = match and difflib.get_close_matches(match[1], dir(module), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def _argument_advice(class_name: str, argument: str, frame: FrameType) -> str | None:
    """Return the arguments of a class that a module creates, such as `Task(quue="mail")`."""
    values = [*frame.f_locals.values(), *frame.f_globals.values()]
    # Imported names before those of imported modules: `asyncio` has a `Task`, too.
    modules = [value for value in values if isinstance(value, types.ModuleType)]
    for value in (*values, *(getattr(module, class_name, None) for module in modules)):
        if isinstance(value, type) and value.__name__ == class_name:
            return name_hint(argument, inspect.signature(value).parameters)
    return None


def _hidden_module(error: AttributeError, frame: FrameType) -> str | None:
    """Return the remedy if an attribute of a class hides a module: `web = "GET /"`."""
    for name, value in frame.f_locals.items():
        if value is error.obj and isinstance(frame.f_globals.get(name), types.ModuleType):
            module = frame.f_globals[name].__name__
            return (
                f"in the class, {name!r} is its attribute, which hides the module; import the "
                f"name, as in 'from {module} import {error.name}'"
            )
    return None


def _called_module_advice(frame: FrameType) -> str | None:
    """Return the remedy for `@action("greet")` with a module of ours, as in other frameworks."""
    for name, value in frame.f_globals.items():
        is_module = isinstance(value, types.ModuleType)
        if is_module and name in _DECORATORS and value.__name__.startswith("actionhero"):
            return f"{name!r} is a module, and no decorator; {_ACTION}"
    return None


def _decorator_advice(error: AttributeError) -> str | None:
    """Return the remedy for `@actionhero_web.get("/")`, as in other frameworks."""
    match = _NO_ATTRIBUTE.match(str(error))
    return _ACTION if match and match[1] in _DECORATORS else None
