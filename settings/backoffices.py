"""How the two back offices look: names, colours, and a sidebar grouped by what somebody has come to do."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

Item = dict[str, Any]

# Warm paper and ink, and the one vermilion of the pages.
_PAPER_AND_INK = {
    "50": "oklch(98.4% .004 75)",
    "100": "oklch(96.6% .006 75)",
    "200": "oklch(92.6% .008 75)",
    "300": "oklch(87% .010 70)",
    "400": "oklch(71% .014 65)",
    "500": "oklch(54% .016 60)",
    "600": "oklch(44% .018 58)",
    "700": "oklch(37% .018 56)",
    "800": "oklch(28% .018 55)",
    "900": "oklch(24% .018 55)",
    "950": "oklch(16% .014 55)",
}
_VERMILION = {
    "50": "oklch(97.5% .013 28.5)",
    "100": "oklch(94.5% .030 28.5)",
    "200": "oklch(89% .060 28.5)",
    "300": "oklch(81% .110 28.5)",
    "400": "oklch(70% .165 28.5)",
    "500": "oklch(60% .200 28.5)",
    "600": "oklch(54% .200 28.5)",
    "700": "oklch(47% .175 28.5)",
    "800": "oklch(40% .145 28.5)",
    "900": "oklch(34% .115 28.5)",
    "950": "oklch(25% .085 28.5)",
}


def _icon(request: HttpRequest) -> str:
    return static("img/mark.svg")


def _office_style(request: HttpRequest) -> str:
    return static("css/office.css")


def _office_script(request: HttpRequest) -> str:
    return static("js/office.js")


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.has_perm(permission))

    return allowed


def _staff(app: str, model: str, label: str | Promise, icon: str, query: str = "") -> Item:
    """Return a list of the staff's admin, shown to whoever may look at it."""
    link = reverse_lazy(f"admin:{app}_{model}_changelist")
    return {
        "title": label,
        "icon": icon,
        "link": format_lazy("{}?{}", link, query) if query else link,
        "permission": _may(f"{app}.view_{model}"),
    }


def _waiting(app: str, model: str, state: str) -> str:
    """Return how many rows wait in a state, for the number beside a sidebar entry."""
    return str(apps.get_model(app, model)._default_manager.filter(state=state).count())


def products_waiting(request: HttpRequest) -> str:
    """How many products wait for their review."""
    return _waiting("catalogue", "product", "in_review")


def applications_waiting(request: HttpRequest) -> str:
    """How many people wait for their store."""
    return _waiting("stores", "distributor", "applied")


def withdrawals_waiting(request: HttpRequest) -> str:
    """How many withdrawals wait for a decision."""
    return _waiting("payouts", "withdrawal", "requested")


def disputes_waiting(request: HttpRequest) -> str:
    """How many after-sales wait for the platform's word."""
    return _waiting("aftersales", "aftersale", "escalated")


def _to_decide(item: Item, counter: str) -> Item:
    """Return an entry with a number beside it."""
    return item | {"badge": f"settings.backoffices.{counter}", "badge_variant": "primary"}


def _own(app: str, model: str, label: str | Promise, icon: str) -> Item:
    """Return a list of the supplier's panel."""
    return {"title": label, "icon": icon, "link": reverse_lazy(f"supplier:{app}_{model}_changelist")}


_COMMON: dict[str, Any] = {
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SITE_URL": "/",
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "12px",
    "STYLES": [_office_style],
    "SCRIPTS": [_office_script],
    "COLORS": {"base": _PAPER_AND_INK, "primary": _VERMILION},
}

UNFOLD: dict[str, Any] = _COMMON | {
    "SITE_TITLE": _("Linjia staff"),
    "SITE_HEADER": _("Linjia"),
    "SITE_SUBHEADER": _("Platform desk"),
    "DASHBOARD_CALLBACK": "orders.flow.overview.staff",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("To decide"),
                "items": [
                    _to_decide(
                        _staff(
                            "catalogue", "product", _("Products to review"), "rate_review", "state__exact=in_review"
                        ),
                        "products_waiting",
                    ),
                    _to_decide(
                        _staff("stores", "distributor", _("Applications"), "how_to_reg", "state__exact=applied"),
                        "applications_waiting",
                    ),
                    _to_decide(
                        _staff("payouts", "withdrawal", _("Withdrawals"), "payments", "state__exact=requested"),
                        "withdrawals_waiting",
                    ),
                    _to_decide(
                        _staff("aftersales", "aftersale", _("Disputes"), "gavel", "state__exact=escalated"),
                        "disputes_waiting",
                    ),
                ],
            },
            {
                "title": _("Trade"),
                "separator": True,
                "items": [
                    _staff("lifecycle", "order", _("Orders"), "receipt_long"),
                    _staff("coupons", "coupon", _("Coupons"), "confirmation_number"),
                    _staff("payments", "payment", _("Payments"), "credit_card"),
                    _staff("payments", "refund", _("Refunds"), "undo"),
                    _staff("aftersales", "aftersale", _("After-sales"), "assignment_return"),
                    _staff("reviews", "review", _("Reviews"), "reviews"),
                    _staff("payments", "gatewaynotice", _("Gateway notices"), "notifications_active"),
                    _staff("payments", "reconciliation", _("Reconciliations"), "balance"),
                ],
            },
            {
                "title": _("Goods"),
                "separator": True,
                "items": [
                    _staff("catalogue", "product", _("Products"), "inventory_2"),
                    _staff("catalogue", "category", _("Categories"), "category"),
                    _staff("suppliers", "supplier", _("Suppliers"), "factory"),
                    _staff("regions", "region", _("Regions"), "map"),
                ],
            },
            {
                "title": _("Distributors"),
                "separator": True,
                "items": [
                    _staff("stores", "distributor", _("Distributors"), "group"),
                    _staff("stores", "store", _("Stores"), "storefront"),
                    _staff("referrals", "referral", _("Referrals"), "group_add"),
                    _staff("links", "sharelink", _("Share links"), "link"),
                    _staff("codes", "couponcode", _("Coupon codes"), "password"),
                    _staff("links", "bond", _("Customers of stores"), "handshake"),
                ],
            },
            {
                "title": _("Money"),
                "separator": True,
                "items": [
                    _staff("commissions", "commissionrule", _("Commission rules"), "percent"),
                    _staff("commissions", "commission", _("Commissions"), "savings"),
                    _staff("payouts", "withdrawal", _("All withdrawals"), "account_balance_wallet"),
                    _staff("payouts", "payoutaccount", _("Payout accounts"), "badge"),
                    _staff("settlements", "statement", _("Suppliers' statements"), "request_quote"),
                    _staff("settlements", "supplierpayout", _("Suppliers' payouts"), "account_balance"),
                    _staff("settlements", "earning", _("Suppliers' earnings"), "monitoring"),
                    _staff("ledger", "journal", _("Journals"), "menu_book"),
                    _staff("ledger", "account", _("Accounts"), "account_tree"),
                    _staff("ledger", "dailydigest", _("Closed days"), "lock_clock"),
                ],
            },
            {
                "title": _("People and machines"),
                "separator": True,
                "items": [
                    _staff("accounts", "user", _("People"), "person"),
                    _staff("auth", "group", _("Roles"), "admin_panel_settings"),
                    _staff("work", "due", _("Due work"), "schedule"),
                    _staff("work", "clocktask", _("The clock"), "alarm"),
                    _staff("states", "statechange", _("History of states"), "history"),
                ],
            },
        ],
    },
}

UNFOLD_SUPPLIER: dict[str, Any] = _COMMON | {
    "SITE_TITLE": _("Supplier desk"),
    "SITE_HEADER": _("Supplier desk"),
    "SITE_SUBHEADER": _("Linjia"),
    "DASHBOARD_CALLBACK": "orders.flow.overview.supplier",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Every day"),
                "items": [
                    _own("lifecycle", "supplierorder", _("Order desk"), "local_shipping"),
                    _own("aftersales", "aftersale", _("After-sales"), "assignment_return"),
                    _own("shipments", "shipment", _("Parcels"), "package_2"),
                    _own("reviews", "review", _("Reviews"), "reviews"),
                ],
            },
            {
                "title": _("Goods"),
                "separator": True,
                "items": [
                    _own("catalogue", "product", _("Products"), "inventory_2"),
                    _own("catalogue", "sku", _("SKUs"), "style"),
                    _own("pricing", "skuprice", _("Prices"), "sell"),
                    _own("coupons", "coupon", _("Coupons"), "confirmation_number"),
                    _own("stock", "stockitem", _("Stock"), "warehouse"),
                    _own("stock", "stockmovement", _("Stock movements"), "swap_vert"),
                    _own("freight", "freighttemplate", _("Freight"), "map"),
                ],
            },
            {
                "title": _("Money"),
                "separator": True,
                "items": [
                    _own("settlements", "earning", _("Earnings"), "savings"),
                    _own("settlements", "statement", _("Statements"), "request_quote"),
                    _own("settlements", "supplierpayout", _("Payouts"), "account_balance"),
                ],
            },
            {
                "title": _("My company"),
                "separator": True,
                "items": [_own("suppliers", "supplier", _("Company profile"), "factory")],
            },
        ],
    },
}
