from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FlowConfig(AppConfig):
    name = "orders.flow"
    label = "flow"
    verbose_name = _("Order flow")
