"""Getting the pictures that an import only noted by their addresses."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from shop.base.errors import DomainError
from shop.catalogue.models import ProductImage
from shop.catalogue.pictures import attach_picture
from shop.imports.fetching import Unreachable, fetch_picture
from shop.suppliers.models import Supplier

# So many silent addresses in a row mean that there is no network: asking the rest would take hours.
_SILENT_MAX = 3


@dataclass
class PictureReport:
    """What became of the pictures that were only noted. ``reasons`` counts why some stay so."""

    fetched: int = 0
    waiting: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    gave_up: bool = False


def fetch_noted_pictures(
    *, supplier: Supplier, limit: int = 500, fetch: Callable[[str], bytes] = fetch_picture, now: datetime
) -> PictureReport:
    """Fetch up to ``limit`` noted pictures of a supplier; one that fails stays noted and is told.

    Each picture is a transaction of its own and none is open while the network is asked. After
    three silent addresses in a row it gives up.
    """
    noted = ProductImage.objects.filter(product__supplier=supplier, file="", picture=None).exclude(source_url="")
    report = PictureReport()
    silent = 0
    images = list(noted.order_by("product_id", "position", "pk")[:limit])
    for image in images:
        try:
            attach_picture(image=image, data=fetch(image.source_url), now=now)
        except Unreachable as error:
            report.reasons[str(error)] += 1
            silent += 1
            if silent >= _SILENT_MAX:
                report.gave_up = True
                break
        except DomainError as error:
            report.reasons[str(error)] += 1
            silent = 0
        else:
            report.fetched += 1
            silent = 0
    report.waiting = noted.count()
    return report
