"""What must happen later, and what a caller asked once."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.privacy.fields import SealedJSONField


class DueState(models.TextChoices):
    OPEN = "open", _("waiting")
    DONE = "done", _("done")
    PARKED = "parked", _("parked")


class Due(models.Model):
    """One thing that must happen at or after ``due_at``, written in the transaction of its cause."""

    what = models.CharField(_("what"), max_length=64)
    subject = models.CharField(_("subject"), max_length=80)
    due_at = models.DateTimeField(_("due at"))
    state = models.CharField(_("state"), max_length=8, choices=DueState, default=DueState.OPEN)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        verbose_name = _("due work")
        verbose_name_plural = _("due work")
        constraints = [
            # One open or parked reminder per thing: asking twice is asking once.
            models.UniqueConstraint(fields=["what", "subject"], condition=~Q(state="done"), name="work_due_once"),
        ]
        indexes = [
            models.Index(fields=["what", "due_at"], condition=Q(state="open"), name="work_due_open"),
            # Counted whenever the metrics are read.
            models.Index(fields=["id"], condition=Q(state="parked"), name="work_due_parked"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.subject}"


class IdempotencyKey(models.Model):
    """A caller's key, what was asked under it, and the answer that was given."""

    caller = models.CharField(_("caller"), max_length=80)
    key = models.CharField(_("key"), max_length=80)
    request_hash = models.CharField(_("request hash"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    # What was answered may hold somebody's address.
    body = SealedJSONField(_("body"), null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="work_idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class ClockTask(models.Model):
    """What the clock rings for, and when it last did. It is the clock's own table (django-celery-beat's), only read here.

    A web process shows the clock without loading it, which takes 3 MB.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    task = models.CharField(_("task"), max_length=200)
    queue = models.CharField(_("queue"), max_length=200, null=True)  # noqa: DJ001 - the table is not ours
    enabled = models.BooleanField(_("enabled"))
    last_run_at = models.DateTimeField(_("last rang"), null=True)
    total_run_count = models.PositiveIntegerField(_("times"))

    class Meta:
        verbose_name = _("task of the clock")
        verbose_name_plural = _("The clock")
        managed = False
        db_table = "django_celery_beat_periodictask"

    def __str__(self) -> str:
        return self.name
