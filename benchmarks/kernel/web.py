"""One page of a web site that submits a job, for either contestant: gunicorn runs ``application``."""

import importlib
import os
from itertools import count
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

#: The contestant's module.
VARIABLE = "BENCH_APP"

_numbers = count()


def submit(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django's form of a view)
    """Answers once the job is submitted."""
    app: Any = importlib.import_module(os.environ[VARIABLE])
    key = f"request-{os.getpid()}-{next(_numbers)}"
    app.submit(key)
    return HttpResponse(key)


# The product's own settings name its own pages; its middleware stays.
settings.ROOT_URLCONF = __name__
urlpatterns = [path("submit", submit)]
application = get_wsgi_application()
