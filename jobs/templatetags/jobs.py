from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone

from jobs.live import look
from jobs.models import Job

register = template.Library()


@register.inclusion_tag("jobs/live.html", takes_context=True)
def job_live(context: Context, job: Job) -> dict[str, Any]:
    """``{% job_live job %}``: state, progress, time left, cancel and retry of a job, kept up to date on any page."""
    return {"live": look(job, timezone.now()), "request": context["request"]}


@register.inclusion_tag("jobs/dialogs.html", takes_context=True)
def job_dialogs(context: Context, job: Job) -> dict[str, Any]:
    """``{% job_dialogs job %}``: the questions that the buttons of ``job_live`` ask; once on a page, outside it."""
    return {"job": job, "csrf_token": context.get("csrf_token")}
