"""`ActionActor`: an action as an actor of dramatiq."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dramatiq import Actor

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq import Broker, Message

    from actionhero.transport import RegisteredAction
    from actionhero_tasks.encryption import Encryption
    from actionhero_tasks.task import Task


class ActionActor(Actor[Any, Any]):
    """An action as an actor: `broker.get_actor("mail:welcome").send(name="Ada")`.

    Secret inputs are encrypted in its messages, also in those that are parts of other messages.

    Args:
        action: The action.
        task: Its task.
        broker: The broker of the application.
        encryption: Encrypts secret inputs.
        run: Runs the action, in a thread, with positional and keyword arguments.
    """

    def __init__(
        self,
        action: RegisteredAction,
        task: Task,
        broker: Broker,
        encryption: Encryption,
        run: Callable[..., Any],
    ) -> None:
        self.action = action
        self._encryption = encryption
        super().__init__(
            run,
            broker=broker,
            actor_name=action.name,
            # Without the limits of a `Queue`.
            queue_name=str(task.queue),
            priority=task.priority,
            options={},
        )

    def message_with_options(
        self, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **options: Any
    ) -> Message[Any]:
        """Build a message of the action.

        Args:
            args: Inputs in the order in which the action declares them.
            kwargs: Inputs by name.
            options: Options of dramatiq's middleware.
        """
        inputs = self.by_name(args, kwargs or {})
        message = super().message_with_options(kwargs=inputs, **options)
        secret_names = sorted(self.action.inputs.sensitive_names & message.kwargs.keys())
        if secret_names:
            secrets = {name: _plain(message.kwargs.pop(name)) for name in secret_names}
            message.options["encrypted"] = self._encryption.encrypt(secrets, message.message_id)
            message.options["secret_names"] = secret_names
        return message

    def inputs_of(self, message: Message[Any]) -> dict[str, Any]:
        """Return the inputs of a message by name, decrypted.

        Raises:
            DecryptionError: The secret inputs cannot be decrypted.
            TypeError: There are more arguments than inputs, or one is passed twice.
        """
        inputs = self.by_name(message.args, message.kwargs)
        encrypted = message.options.get("encrypted")
        if encrypted is None:
            return inputs
        return inputs | self._encryption.decrypt(encrypted, message.message_id)

    def by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return inputs by name; positional ones in the order of the declarations.

        Raises:
            TypeError: There are more arguments than inputs, or one is passed twice.
        """
        fields = [field.name for field in self.action.inputs.fields]
        # Of a pipeline, the result of the previous action is the first input that is not passed.
        free = [name for name in fields if name not in kwargs]
        if len(args) > len(free):
            raise TypeError(
                f"action {self.actor_name!r} has {len(fields)} inputs, and {len(args)} positional "
                f"and {len(kwargs)} named ones were passed; in a pipeline, pipe_ignore=True drops "
                "the result of the previous action"
            )
        return dict(zip(free, args, strict=False)) | kwargs


def _plain(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value
