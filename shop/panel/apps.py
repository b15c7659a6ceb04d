from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class PanelConfig(AppConfig):
    name = "shop.panel"
    label = "panel"
    verbose_name = _("Supplier panel")

    def ready(self) -> None:
        # Each app's panel.py registers its models, as admin.py does for the staff.
        # The worker has no pages.
        if apps.is_installed("unfold"):
            autodiscover_modules("panel")
