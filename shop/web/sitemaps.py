"""Sitemaps as XML, for the pages of every floor."""

from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape

from django.http import HttpResponse

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def url_set(rows: Iterable[tuple[str, datetime | None]]) -> HttpResponse:
    """Return a sitemap of whole addresses and when each last changed."""
    written = []
    for url, changed_at in rows:
        changed = f"<lastmod>{changed_at:%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed_at else ""
        written.append(f"<url><loc>{escape(url)}</loc>{changed}</url>")
    return xml(f'<urlset xmlns="{NAMESPACE}">{"".join(written)}</urlset>')


def xml(body: str) -> HttpResponse:
    return HttpResponse(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n', content_type="application/xml")
