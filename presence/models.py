"""What of presence outlasts Redis."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class LastSeen(models.Model):
    """When somebody was last known to be here, or not away; written when their status changes."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="last_seen",
    )
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("last time here")
        verbose_name_plural = _("last times here")

    def __str__(self) -> str:
        return f"{self.user_id} at {self.at:%Y-%m-%d %H:%M:%S}"
