"""A Django project with procrastinate's tables and nothing else."""

from benchmarks.kernel.apps.plain.settings import (  # noqa: F401 (a settings module is its names)
    ALLOWED_HOSTS,
    DATABASES,
    SECRET_KEY,
    TIME_ZONE,
    USE_TZ,
)

INSTALLED_APPS = ["procrastinate.contrib.django"]
PROCRASTINATE_IMPORT_PATHS = ["benchmarks.kernel.apps.procrastinate_app"]
