"""Every address, assembled from the floors. Modules are named, not imported."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.utils.module_loading import import_string
from django.views.static import serve

PAGES = ["shop.web.urls", "distributors.web.urls", "orders.web.urls"]
API = ["shop.api.urls", "distributors.api.urls", "orders.api.urls"]

# What failed outside every refusal: a page, or a problem document, and 503 while the database is away.
handler500 = "settings.trouble.server_error"

urlpatterns = [
    path("", include("shop.web.health")),
    path("api/v1/webhooks/", include("orders.api.channel_urls")),
    path("admin/login/", import_string("shop.web.storefront.sign_in.staff_door")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    *(path("api/v1/", include(module)) for module in API),
    path("api/", import_string("shop.api.unknown.unknown")),
    path("api/<path:rest>", import_string("shop.api.unknown.unknown")),
    path("supplier/", import_string("shop.panel.site.supplier_site").urls),
    *(path("", include(module)) for module in PAGES),
]

if settings.LINJIA_SERVE_MEDIA:
    # Uploaded pictures, while no web server or storage service in front does it.
    urlpatterns.append(path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}))
