from datetime import timedelta

import factory
from django.utils import timezone

from jobs.models import Job, State


class JobFactory(factory.django.DjangoModelFactory):
    """A waiting job that nobody works on; the traits move it on, with the columns that its state asks for."""

    class Meta:
        model = Job

    class Params:
        running = factory.Trait(
            state=State.RUNNING,
            attempt=1,
            holder="worker-1",
            started_at=factory.LazyFunction(timezone.now),
            lease_until=factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=1)),
        )
        succeeded = factory.Trait(
            state=State.SUCCEEDED,
            attempt=1,
            started_at=factory.LazyFunction(timezone.now),
            finished_at=factory.LazyFunction(timezone.now),
        )
        failed = factory.Trait(
            state=State.FAILED,
            attempt=1,
            failures=1,
            error_message="The file is not there.",
            started_at=factory.LazyFunction(timezone.now),
            finished_at=factory.LazyFunction(timezone.now),
        )
        cancelled = factory.Trait(state=State.CANCELLED, finished_at=factory.LazyFunction(timezone.now))

    task = "tests.nothing"
    queue = "reports"
