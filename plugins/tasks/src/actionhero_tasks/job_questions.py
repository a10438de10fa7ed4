"""`JobQuestions`: asks the users of jobs, for `call.ask`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero import Answer


class JobQuestions(ABC):
    """Asks the user of a job, from `actionhero_tasks_questions`."""

    @abstractmethod
    async def ask(self, job_id: str, question: str, type_: Any, *, key: str) -> Answer[Any]:
        """Ask a question, and return the answer; see `Call.ask`.

        Args:
            job_id: The job, whose user is asked.
            question: The question.
            type_: The model of the answer.
            key: The name of the question in this job. A job that runs again asks again.

        Raises:
            ConnectionTypeNotFound: The user cannot be asked.
            Timeout: The user has not answered in time.
        """
