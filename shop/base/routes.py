"""Which view answers an address."""

from functools import cache

from django.urls import ResolverMatch, URLResolver, get_resolver, get_urlconf


@cache
def _fixed_of(_resolver: URLResolver) -> dict[str, ResolverMatch]:
    return {}


def route_of(path: str) -> ResolverMatch:
    """Return the view of an address. Raises ``Resolver404``.

    Going through all patterns takes as long as a tenth of a short answer, so a route without parts that vary is looked
    up once; of those there are only as many as are written down.
    """
    resolver = get_resolver(get_urlconf())
    fixed = _fixed_of(resolver)
    match = fixed.get(path)
    if match is None:
        match = resolver.resolve(path)
        if path == f"/{match.route}":
            fixed[path] = match
    return match
