"""Declaring background work. ``@job`` is the only place that touches Celery's task options.

A body is a doorbell: it loads by id, calls one service and returns. It says how it failed by what it raises:
``Transient`` (again later), ``Permanent`` (failed, in words for a person), anything else is a bug (tried again a
bounded number of times, and reported).
"""

import inspect
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from celery import Task, shared_task
from django.utils.functional import Promise

from jobs import queues

if TYPE_CHECKING:
    from jobs.run import Run

log = logging.getLogger(__name__)


class JobError(Exception):
    """A failure that the job's author foresaw. ``str()`` of it is a sentence for a person."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(message)


class Transient(JobError):
    """It may work later. ``retry_in``: seconds, where the other side named them; else exponential backoff."""

    def __init__(self, message: str | Promise, *, retry_in: float | None = None) -> None:
        super().__init__(message)
        self.retry_in = retry_in


class Permanent(JobError):
    """It will never work; the sentence says why and what the person can do."""


class Cancelled(Exception):
    """The job was asked to stop. Clean up and let it rise."""


class LeaseLost(Exception):
    """This worker no longer holds the job (it was frozen or cut off): another may. Do nothing more; let it rise."""


Body = Callable[..., Mapping[str, Any] | None]


class UnknownTask(LookupError):
    """A job names a task that this release does not have."""


@dataclass(frozen=True, slots=True)
class JobTask:
    """A kind of job.

    Attributes:
        name: ``app.function``, explicit because rows outlive releases.
        title: what it is called on the screen.
        attempts: failed attempts after which the job is failed.
        patience: the same where the last of them failed for a reason that passes (``Transient``).
        backoff: seconds before the second attempt; doubles from there.
        deaths: workers it may kill (or limits it may overrun) before it is failed as poison.
    """

    name: str
    body: Body
    queue: queues.Queue
    title: str | Promise
    attempts: int
    patience: int
    backoff: float
    deaths: int
    parameters: Mapping[str, inspect.Parameter]

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises TypeError where ``arguments`` are not what the body takes: said to the submitter, not to a worker."""
        unknown = arguments.keys() - self.parameters.keys()
        missing = {
            name for name, parameter in self.parameters.items() if parameter.default is parameter.empty
        } - arguments.keys()
        if unknown or missing:
            raise TypeError(
                f"{self.name} takes ({', '.join(self.parameters)}): "
                f"unknown {sorted(unknown) or 'none'}, missing {sorted(missing) or 'none'}."
            )

    def known(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """``arguments`` without those that this release's body does not know (a row of an older or newer release)."""
        unknown = sorted(arguments.keys() - self.parameters.keys())
        if unknown:
            log.warning("%s: ignoring arguments of another release: %s", self.name, ", ".join(unknown))
        return {name: value for name, value in arguments.items() if name not in unknown}


_registry: dict[str, JobTask] = {}
_current: Final[ContextVar["Run"]] = ContextVar("current_run")


def get(name: str) -> JobTask:
    """The task called ``name``. Raises UnknownTask."""
    try:
        return _registry[name]
    except KeyError:
        raise UnknownTask(name) from None


def registered() -> Mapping[str, JobTask]:
    """Every declared task by its name."""
    return _registry


def current() -> "Run":
    """The attempt that this code works on. Raises LookupError outside a job."""
    return _current.get()


def route(name: str, args: object, kwargs: object, options: object, **_: object) -> dict[str, str] | None:  # noqa: ARG001
    """Celery's router: each job goes to the queue that its declaration names."""
    task = _registry.get(name)
    return {"queue": task.queue.name} if task else None


def job(
    *,
    queue: str,
    name: str | None = None,
    title: str | Promise = "",
    attempts: int = 5,
    patience: int | None = None,
    backoff: float = 5.0,
    deaths: int = 3,
) -> Callable[[Body], JobTask]:
    """Declares the decorated function as the body of a job; the result is what ``jobs.services.submit`` takes.

    The function takes keyword-only arguments that JSON can hold. What it returns (a mapping or nothing) is the job's
    result. ``attempts``, ``patience`` (as many unless it is named), ``backoff`` (seconds), ``deaths``: see JobTask.
    """

    def declare(body: Body) -> JobTask:
        parameters = inspect.signature(body).parameters
        if any(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters.values()):
            raise TypeError(f"{body.__qualname__}: a job takes keyword-only arguments.")
        row = queues.get(queue)
        task = JobTask(
            name=name or f"{body.__module__.removesuffix('.tasks').rpartition('.')[2]}.{body.__name__}",
            body=body,
            queue=row,
            title=title or body.__name__.replace("_", " "),
            attempts=attempts,
            patience=attempts if patience is None else patience,
            backoff=backoff,
            deaths=deaths,
            parameters=parameters,
        )
        if task.name in _registry:
            raise ValueError(f"Two jobs are called {task.name}.")
        _registry[task.name] = task
        _declare_doorbell(task)
        return task

    return declare


def _declare_doorbell(task: JobTask) -> None:
    @shared_task(
        name=task.name,
        bind=True,
        ignore_result=True,
        acks_late=False,
        max_retries=0,
        soft_time_limit=task.queue.soft_limit,
        time_limit=task.queue.hard_limit,
        typing=False,
    )
    def doorbell(self: "Task[..., str]", *, job_id: str, **unknown: Any) -> str:
        from jobs import runner  # noqa: PLC0415 (the runner needs this module)

        if unknown:
            log.warning("%s: ignoring words of another release: %s", task.name, ", ".join(unknown))
        return runner.answer(UUID(job_id), message=str(self.request.id))
