"""Personal data at rest: every value of a sealed column carries the seal's mark."""

from shop.ledger.proof import Check
from shop.privacy.keys import PREFIX
from shop.privacy.rotation import Sealed, sealed_tables
from shop.privacy.sealing import text_of


def checks() -> list[Check]:
    """Return the check of all sealed columns there are; asked for once the apps are loaded."""
    return [
        Check("plain_text", ("P1",), " UNION ALL ".join(sql for sealed in sealed_tables() for sql in _plain(sealed)))
    ]


def _plain(sealed: Sealed) -> list[str]:
    return [
        f"SELECT '{sealed.table}.{name}', format('%%s values can be read in a dump', count(*)) "  # noqa: S608 - our own names
        f"FROM \"{sealed.table}\" WHERE {text} <> '' AND left({text}, {len(PREFIX)}) <> '{PREFIX}' HAVING count(*) > 0"
        for name, text in ((name, text_of(name, sealed.json)) for name in sealed.columns)
    ]
