"""What the project itself keeps."""

from django.db import models
from django.utils import timezone


class Canary(models.Model):
    """The one row that `/readyz` writes, to know that writing works."""

    seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.seen_at:%H:%M:%S}"
