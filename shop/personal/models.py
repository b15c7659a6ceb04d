"""Consents, exports, and accounts on their way out."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.base.numbers import new_number


def new_export_number() -> str:
    return new_number("X")


class Consent(models.Model):
    """A person agreed to one version of a text; taking it back is a second date, never a removed row."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="consents")
    purpose = models.CharField(_("for"), max_length=16)
    version = models.CharField(_("version of the text"), max_length=16)
    given_at = models.DateTimeField(_("agreed at"))
    withdrawn_at = models.DateTimeField(_("taken back at"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "purpose", "version"], condition=Q(withdrawn_at=None), name="personal_consent_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.purpose} {self.version}"


class Export(models.Model):
    """Everything about a person in one file that she asked for: one at a time, hers alone, gone after some days."""

    number = models.CharField(max_length=20, unique=True, default=new_export_number, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports")
    asked_at = models.DateTimeField(_("asked at"))
    made_at = models.DateTimeField(_("made at"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    # Thrown away, by the person or by time.
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    size_bytes = models.BigIntegerField(_("size (bytes)"), default=0)

    class Meta:
        verbose_name = _("export of personal data")
        verbose_name_plural = _("exports of personal data")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(ended_at=None), name="personal_one_export_at_a_time")
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def file(self) -> str:
        """Where it lies in the private storage."""
        return f"exports/{self.number}.zip"


class Leaving(models.Model):
    """A person asked to delete her account. Signing in again before ``due_at`` takes it back."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="leavings")
    asked_at = models.DateTimeField(_("asked at"))
    due_at = models.DateTimeField(_("due at"))
    cancelled_at = models.DateTimeField(_("taken back at"), null=True, blank=True)
    done_at = models.DateTimeField(_("erased at"), null=True, blank=True)
    # When the law lets go of what was kept, and when it went.
    expires_at = models.DateTimeField(_("records kept until"), null=True, blank=True)
    expired_at = models.DateTimeField(_("records erased at"), null=True, blank=True)

    class Meta:
        verbose_name = _("deletion of an account")
        verbose_name_plural = _("deletions of accounts")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(cancelled_at=None), name="personal_leaves_once")
        ]

    def __str__(self) -> str:
        return str(self.user_id)
