from django.db import models


class Work(models.Model):
    """What the request leaves in the database; the job is about this row."""

    key = models.CharField(max_length=60)
    seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key
