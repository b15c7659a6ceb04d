"""Uploaded pictures: who sent them, what for, and where their renditions lie."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.base.numbers import new_token


def new_picture_number() -> str:
    # 131 random bits: the number is the file's name, and whoever may not see a picture must not guess it.
    return new_token(22)


class Picture(models.Model):
    """One uploaded picture. Its ``file`` is there once it was drawn; its size is known from the start."""

    class Purpose(models.TextChoices):
        PRODUCT = "product", _("product picture")
        PORTRAIT = "portrait", _("portrait")
        REVIEW = "review", _("photo of a review")
        EVIDENCE = "evidence", _("evidence")

    number = models.CharField(_("number"), max_length=22, unique=True, default=new_picture_number, editable=False)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose)
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="pictures",
        verbose_name=_("sent by"),
    )
    # Private pictures lie in a storage no address leads to; a view that knows their owner shows them.
    is_private = models.BooleanField(_("private"), default=False)
    # The large rendition's name in its storage, "" while it is not drawn; the small one has the suffix "-400".
    file = models.CharField(_("file"), max_length=100, blank=True)
    # Of the large rendition, in pixels.
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))
    created_at = models.DateTimeField(_("created at"))
    # When it became part of something; what never does is thrown away.
    attached_at = models.DateTimeField(_("attached at"), null=True, blank=True)
    drawn_at = models.DateTimeField(_("drawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        indexes = [models.Index(fields=["uploader"], condition=Q(attached_at=None), name="media_unattached")]
        constraints = [
            models.CheckConstraint(
                condition=Q(width__gte=1, width__lte=800, height__gte=1, height__lte=800), name="media_picture_size"
            ),
            models.CheckConstraint(
                condition=~Q(purpose="evidence") | Q(is_private=True), name="media_evidence_is_private"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Portrait(models.Model):
    """The picture a person shows of herself."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="portrait")
    picture = models.OneToOneField(Picture, models.PROTECT, related_name="portrait", verbose_name=_("picture"))

    class Meta:
        verbose_name = _("portrait")
        verbose_name_plural = _("portraits")

    def __str__(self) -> str:
        return str(self.user_id)
