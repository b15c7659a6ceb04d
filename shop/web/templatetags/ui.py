"""Small pieces of markup: icons, prices, fields, page addresses. ``{% load ui %}``."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.forms import BoundField, CheckboxInput, FileInput, RadioSelect, Select, Textarea
from django.forms.widgets import Input
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from shop.base.money import format_yuan
from shop.pages.themes import chosen_theme
from shop.web.shelf import Card, stored_picture

register = template.Library()

# widget, its classes, the class it gets in error: whole names, so that the style build finds them
_WIDGET_CLASSES: tuple[tuple[type, str, str], ...] = (
    (CheckboxInput, "checkbox checkbox-sm", "checkbox-error"),
    (RadioSelect, "radio radio-sm", "radio-error"),
    (Textarea, "textarea w-full min-h-24", "textarea-error"),
    (Select, "select w-full min-h-11", "select-error"),
    (FileInput, "file-input w-full", "file-input-error"),
    (Input, "input w-full min-h-11", "input-error"),
)


@register.simple_tag
def icon(name: str, css: str = "size-5") -> SafeString:
    """Return one Lucide icon of the sprite; decorative, so hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("build/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """Return the reader's choice of day or night; "" where the device decides, and on pages made without a request."""
    request = context.get("request")
    return chosen_theme(request) if request else ""


@register.simple_tag
def icon_url(name: str) -> str:
    """Return the address of one icon inside the sprite, for markup that draws it itself."""
    return f"{static('build/icons.svg')}#{name}"


@register.simple_tag
def price(amount_fen: int | None, css: str = "text-base") -> SafeString:
    """Return a price: small ¥, large yuan, small fen. ``amount_fen`` in fen; nothing for None."""
    if amount_fen is None:
        return SafeString("")
    whole, fen = format_yuan(amount_fen).split(".")
    return format_html('<span class="price {}">{}<small>.{}</small></span>', css, whole, fen)


@register.simple_tag
def product_card(item: Card, *, eager: bool = False) -> SafeString:
    """Return a product's card. The same facts in the same language give the same markup, so it is drawn once."""
    return _card(item, eager, get_language() or "")


@lru_cache(maxsize=2_000)
def _card(item: Card, eager: bool, _language: str) -> SafeString:
    return render_to_string("components/product_card.html", {"item": item, "eager": eager})


@register.filter
def yuan(amount_fen: int | None) -> str:
    """Return an amount in fen as plain text: ``¥1,234.50``; ``-¥5.00`` below zero."""
    if amount_fen is None:
        return ""
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}¥{format_yuan(abs(amount_fen))}"


@register.filter
def yuan_drop(amount_fen: int) -> str:
    """Return how far below zero an amount in fen is: -1200 → ``¥12.00``."""
    return yuan(abs(amount_fen))


@register.filter
def yuan_short(amount_fen: int | None) -> str:
    """Return an amount in fen without its fen where there are none: ``¥129``, ``¥9.90``."""
    return yuan(amount_fen).removesuffix(".00")


@register.filter
def short_count(count: int | None) -> str:
    """Return a number of pieces as people say it: 12,345 is ``1.2万`` in Chinese, ``12.3k`` in English."""
    number = count or 0
    unit, word = (10_000, "万") if (get_language() or "").startswith("zh") else (1_000, "k")
    if number < unit:
        return str(number)
    whole, tenth = divmod(number * 10 // unit, 10)
    return f"{whole}.{tenth}{word}" if tenth else f"{whole}{word}"


@register.filter
def yuan_plain(amount_fen: int | None) -> str:
    """Return an amount in fen as yuan for machines: ``1234.50``."""
    if amount_fen is None:
        return ""
    return format_yuan(amount_fen).replace(",", "")


@register.filter
def percent(rate_bp: int | None) -> str:
    """Return basis points as a percentage without needless zeros: 1250 → ``12.5%``."""
    if rate_bp is None:
        return ""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%"


@register.filter
def styled(field: BoundField, css: str = "") -> SafeString:
    """Render a form field with the theme's classes; a field in error is marked and described."""
    widget = field.field.widget
    attrs: dict[str, Any] = {}
    names = [css]
    for kind, base, wrong in _WIDGET_CLASSES:
        if isinstance(widget, kind):
            names = [base, wrong if field.errors else "", css]
            break
    if field.errors:
        attrs["aria-describedby"] = f"{field.auto_id}_error"
    attrs["class"] = " ".join(name for name in names if name)
    return field.as_widget(attrs=attrs)


@register.simple_tag(takes_context=True)
def here(context: dict[str, Any], **changes: Any) -> str:
    """Return the present address with some query parameters changed; an empty value drops one."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    # "after" is the position in a list; it means nothing once the list changes.
    if "after" not in changes:
        query.pop("after", None)
    text = urlencode([(key, value) for key in query for value in query.getlist(key)])
    return f"{request.path}?{text}" if text else request.path


@register.filter
def small_picture(name: str | None) -> str:
    """Return the address of a stored picture's small rendition; ``name`` is its storage name."""
    return stored_picture(name)


@register.filter
def initial(name: object) -> str:
    """Return the first character of a name, for an avatar without a picture."""
    first = str(name or "").strip()[:1].upper()
    return first if first and not first.isdigit() else "邻"
