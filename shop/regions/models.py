"""The tree of places a parcel can go to."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Region(models.Model):
    """A place on one of five levels: 1 province, 2 city, 3 county, 4 township, 5 village."""

    code = models.CharField(_("code"), max_length=16, primary_key=True)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent")
    )
    level = models.PositiveSmallIntegerField(_("level"))
    name = models.CharField(_("name"), max_length=60)

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")
        constraints = [
            models.CheckConstraint(condition=models.Q(level__gte=1, level__lte=5), name="regions_five_levels")
        ]
        indexes = [
            # Two for who looks for a place by its name: what is above the villages is read in the order of its codes,
            # villages are found by the beginning of their name.
            models.Index(fields=["level", "code"], condition=models.Q(level__lte=4), name="regions_above_villages"),
            models.Index(
                fields=["name"],
                opclasses=["varchar_pattern_ops"],
                condition=models.Q(level=5),
                name="regions_villages_by_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name
