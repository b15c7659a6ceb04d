"""Names and sizes of renditions. Pure."""

from dataclasses import dataclass

SMALL = 400
BYTES_MAX = 10 * 1024 * 1024
# What a file chooser offers; what a file really holds is looked at all the same.
ACCEPT = "image/jpeg,image/png,image/webp"


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture for a page: the addresses of both renditions ("" while it is not drawn) and its size in pixels."""

    url: str
    small: str
    width: int
    height: int
    alt: str = ""

    @property
    def srcset(self) -> str:
        """What a browser chooses from, by the real widths."""
        if not self.url or not self.small:
            return ""
        return f"{self.small} {small_width(self.width, self.height)}w, {self.url} {self.width}w"


def small_width(width: int, height: int) -> int:
    """Return the width of the small rendition of a picture that is ``width`` × ``height``."""
    longest = max(width, height)
    return width if longest <= SMALL else max(1, round(width * SMALL / longest))


def small_name(name: str) -> str:
    """Return where the small rendition of a stored picture lies."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{SMALL}{dot}{suffix}"
