"""What the project itself keeps."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Canary(models.Model):
    """The one row that `/readyz` writes, to know that writing works."""

    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("canary")
        verbose_name_plural = _("canaries")

    def __str__(self) -> str:
        return f"{self.seen_at:%H:%M:%S}"
