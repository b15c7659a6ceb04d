"""The history of every lifecycle."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class StateChange(models.Model):
    """One step of one thing. Append-only."""

    subject = models.CharField(_("subject"), max_length=80)
    source = models.CharField(_("from"), max_length=24)
    target = models.CharField(_("to"), max_length=24)
    actor = models.CharField(_("actor"), max_length=64)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("state change")
        verbose_name_plural = _("state changes")
        indexes = [models.Index(fields=["subject", "at"])]

    def __str__(self) -> str:
        return f"{self.subject}: {self.source} → {self.target}"
