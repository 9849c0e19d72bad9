from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        # Pages show what jobs are called, and operators submit them, in processes where Celery imports no tasks.
        autodiscover_modules("tasks")
