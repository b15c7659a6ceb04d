"""What a person was told: by what it is about, newest first, read one by one or all at once."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shop.notifications import actions, queries
from shop.notifications.rules import GROUPS, group_of, place_of
from shop.notifications.rules import render as words
from shop.web.access import CustomerRequest, customer_only, is_part
from shop.web.product_page import more_url
from shop.web.shelf import stretch

_ICONS = {"orders": "package", "money_back": "rotate-ccw", "store": "store", "kept": "heart", "account": "shield-check"}


@require_safe
@customer_only
def notices(request: CustomerRequest) -> HttpResponse:
    """The messages of one group, or all of them."""
    group = request.GET.get("group", "")
    group = group if group in GROUPS else ""
    found, position = stretch(queries.notifications_of(request.user, group), request.GET.get("after", ""))
    rows = []
    for notice in found:
        title, text = words(notice.kind, notice.facts)
        rows.append(
            {
                "title": title,
                "text": text,
                "notice": notice,
                "link": notice.link or place_of(notice.kind, notice.facts),
                "key": queries.key_of(notice),
                "is_new": notice.read_at is None,
                "icon": _ICONS[group_of(notice.kind)],
            }
        )
    if is_part(request):
        return render(request, "storefront/parts/notices.html", {"rows": rows, "more_url": more_url(request, position)})
    unread = queries.unread_by_group(request.user)
    tabs = [{"code": "", "label": _("All"), "unread": sum(unread.values())}]
    tabs += [{"code": code, "label": str(label), "unread": unread.get(code, 0)} for code, label in GROUPS.items()]
    context = {
        "section": "me",
        "rows": rows,
        "group": group,
        "tabs": tabs,
        "unread": unread.get(group, 0) if group else sum(unread.values()),
        "more_url": more_url(request, position),
    }
    return render(request, "storefront/notices.html", context)


@require_POST
@customer_only
def read_all(request: CustomerRequest) -> HttpResponse:
    """Mark everything as read, or everything of a group."""
    group = request.POST.get("group", "")
    group = group if group in GROUPS else ""
    actions.mark_all_read(user=request.user, group=group, at=timezone.now())
    return redirect(reverse("notices") + (f"?{urlencode({'group': group})}" if group else ""))


@require_POST
@customer_only
def open_one(request: CustomerRequest) -> HttpResponse:
    """Mark one message as read and, if asked, go where it leads: a page of this site."""
    notice = queries.notification_of(request.user, request.POST.get("key", ""))
    actions.mark_read(user=request.user, notices=[notice], at=timezone.now())
    place = notice.link or place_of(notice.kind, notice.facts)
    if request.POST.get("go") and url_has_allowed_host_and_scheme(place, {request.get_host()}):
        return redirect(place)
    return redirect("notices")
