from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_results.models import TaskResult

from jobs import services
from jobs.task import job


@job(queue="control", title=_("Purge of old jobs"))
def purge() -> dict[str, Any]:
    """Deletes jobs, and raw Celery results, that are past their time."""
    TaskResult.objects.delete_expired(timedelta(days=3))
    return {"deleted": services.purge(timezone.now())}
