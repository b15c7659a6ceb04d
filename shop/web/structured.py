"""What search engines read about a page: facts in the words of schema.org, as JSON-LD."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from shop.base.money import format_yuan

# A data block runs nowhere; what could end it early or be taken for markup is written as an escape.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def product_facts(
    *,
    url: str,
    number: str,
    title: str,
    description: str,
    pictures: Sequence[str],
    supplier_name: str,
    price_fen: int,
    is_available: bool,
    return_days: int,
) -> dict[str, Any]:
    """Return a product with its offer. ``price_fen`` in fen; addresses are whole ones."""
    return {
        "@context": "https://schema.org",
        "@type": "Product",
        "productID": number,
        "name": title,
        "description": description or title,
        "image": list(pictures),
        "brand": {"@type": "Brand", "name": supplier_name},
        "offers": {
            "@type": "Offer",
            "url": url,
            "price": format_yuan(price_fen).replace(",", ""),
            "priceCurrency": "CNY",
            "availability": f"https://schema.org/{'InStock' if is_available else 'OutOfStock'}",
            "itemCondition": "https://schema.org/NewCondition",
            "seller": {"@type": "Organization", "name": supplier_name},
            "hasMerchantReturnPolicy": {
                "@type": "MerchantReturnPolicy",
                "applicableCountry": "CN",
                **_returns(return_days),
            },
        },
    }


def _returns(days: int) -> dict[str, Any]:
    if days == 0:
        return {"returnPolicyCategory": "https://schema.org/MerchantReturnNotPermitted"}
    return {
        "returnPolicyCategory": "https://schema.org/MerchantReturnFiniteReturnWindow",
        "merchantReturnDays": days,
    }


def trail_facts(steps: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the way to a page: names and whole addresses, from the top down."""
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": url}
            for place, (name, url) in enumerate(steps, start=1)
        ],
    }


def store_facts(*, url: str, name: str, description: str, picture: str) -> dict[str, Any]:
    """Return a distributor's store."""
    facts = {"@context": "https://schema.org", "@type": "Store", "url": url, "name": name, "description": description}
    return facts | ({"image": picture} if picture else {})


def shop_facts(*, url: str, search_url: str) -> dict[str, Any]:
    """Return the whole shop and where it is searched; ``search_url`` ends where the words go."""
    return {
        "@context": "https://schema.org",
        "@type": "WebSite",
        "url": url,
        "name": _("Linjia"),
        "potentialAction": {
            "@type": "SearchAction",
            "target": {"@type": "EntryPoint", "urlTemplate": f"{search_url}{{words}}"},
            "query-input": "required name=words",
        },
    }


def data_block(facts: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> SafeString:
    """Return facts as a data block of a page; texts of people stay texts in it."""
    written = json.dumps(facts, ensure_ascii=False).translate(_ESCAPES)
    return mark_safe(f'<script type="application/ld+json">{written}</script>')  # noqa: S308 - escaped above
