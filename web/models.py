from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Tries(models.Model):
    """How often somebody has tried something lately. Written by ``web.limits`` alone."""

    key = models.CharField(primary_key=True, max_length=80)
    count = models.IntegerField()
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("tries")
        verbose_name_plural = _("tries")
        indexes: ClassVar = [models.Index(fields=["until"], name="tries_until")]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
