"""What is true of a supplier, from what happened to its orders; a piece of product pages, the same for everybody."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from orders.lifecycle.queries import record_of_supplier
from orders.reviews.queries import service_rating_of
from shop.catalogue.queries import product_for_sale
from shop.pages import marks
from shop.pages.promises import same_for_all
from shop.web.pieces import render_piece


def _one_product(address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.product_mark(address["number"]),)


@same_for_all(shows=_one_product)
@require_safe
def supplier_facts(request: HttpRequest, number: str) -> HttpResponse:
    """How fast a supplier sends, how often money goes back, what buyers say of it, since when it is here."""
    product = product_for_sale(number)
    supplier = product.supplier
    context = {
        "supplier": supplier,
        "record": record_of_supplier(supplier, now=timezone.now()),
        "service": service_rating_of(supplier),
    }
    part, back = "storefront/parts/supplier_facts.html", reverse("product", args=[product.number])
    return render_piece(request, part, context, heading=supplier.name, back=back)
