"""Who looked at what in full, and why. Nobody changes or removes a row: the database refuses."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Unmasking(models.Model):
    """One look at somebody's personal data in full."""

    # As in StateChange: "staff:U…", "supplier:yunling".
    actor = models.CharField(_("who"), max_length=64)
    # "order:O…", "user:U…"
    subject = models.CharField(_("of"), max_length=80)
    fields = models.CharField(_("what"), max_length=200)
    reason = models.CharField(_("why"), max_length=200)
    at = models.DateTimeField(_("when"))

    class Meta:
        db_table_comment = "append-only: who saw personal data in full"
        verbose_name = _("look at personal data")
        verbose_name_plural = _("looks at personal data")
        indexes = [models.Index(fields=["subject", "-at"]), models.Index(fields=["actor", "-at"])]

    def __str__(self) -> str:
        return f"{self.actor} · {self.subject}"
