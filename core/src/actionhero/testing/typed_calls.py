"""`TypedCalls`: calls of actions in tests, by name, or typed by class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable

    from actionhero.call import WithInputs, WithoutInputs
    from actionhero.streams import Event

Input = TypeVar("Input")
Result = TypeVar("Result")


class TypedCalls(ABC):
    """The method `call`, for objects that call actions by name and by class."""

    @overload
    async def call(self, action: str, /, **inputs: Any) -> Any: ...
    @overload
    async def call(
        self, action: WithInputs[Input, Awaitable[Result]], inputs: Input, /
    ) -> Result: ...
    @overload
    async def call(self, action: WithoutInputs[Awaitable[Result]], /) -> Result: ...
    @overload
    async def call(
        self, action: WithInputs[Input, AsyncIterable[Event[Result]]], inputs: Input, /
    ) -> list[Result]: ...
    @overload
    async def call(
        self, action: WithoutInputs[AsyncIterable[Event[Result]]], /
    ) -> list[Result]: ...
    @overload
    async def call(
        self, action: WithInputs[Input, AsyncIterable[Result]], inputs: Input, /
    ) -> list[Result]: ...
    @overload
    async def call(self, action: WithoutInputs[AsyncIterable[Result]], /) -> list[Result]: ...
    @overload
    async def call(self, action: type, /, **inputs: Any) -> Any: ...
    async def call(self, action: str | type, /, *instance: Any, **inputs: Any) -> Any:
        """Call an action, and return its result.

        By name, or by class with its inputs as keywords, they are validated:
        `call("greet", name="Ada")`. By class with an instance of its inputs, which is not
        validated again, inputs and result are typed: `call(Greet, GreetInputs(name="Ada"))`.

        The items of an action that streams are returned as a list; events as their data.

        Raises:
            TypedError: The action failed, or an input is invalid or not declared.
            TypeError: There is an instance of inputs, and a name or keywords.
        """
        if not instance:
            return await self._call(action, inputs)
        if isinstance(action, str) or inputs or len(instance) > 1:
            arguments = f"{action!r}, …" if isinstance(action, str) else f"{action.__name__}, …"
            raise TypeError(
                f"call({arguments}) has positional inputs; write call('greet', name='Ada'), or "
                "call(Greet, GreetInputs(name='Ada'))"
            )
        return await self._call_class(action, instance[0])

    @abstractmethod
    async def _call(self, action: str | type, inputs: dict[str, Any]) -> Any:
        """Call an action by its name or class, with values of its inputs."""

    @abstractmethod
    async def _call_class(self, action: type, inputs: Any) -> Any:
        """Call an action by its class, with an instance of its inputs."""
