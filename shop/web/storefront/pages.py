"""Pages that depend on nothing: what the service worker keeps."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe


@require_safe
@cache_control(public=True, max_age=300)
def offline(request: HttpRequest) -> HttpResponse:
    """What a person sees while the network is away."""
    return render(request, "offline.html")


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look for a picture of the shop without being told."""
    return redirect(static("img/mark.svg"))


@require_safe
@cache_control(public=True, max_age=300)
def service_worker(request: HttpRequest) -> HttpResponse:
    """The script that keeps the offline page; it must live at the root to serve every page."""
    context = {"version": getattr(settings, "LINJIA_VERSION", "1")}
    return render(request, "sw.js", context, content_type="text/javascript")
