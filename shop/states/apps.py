from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StatesConfig(AppConfig):
    name = "shop.states"
    label = "states"
    verbose_name = _("Lifecycles")
