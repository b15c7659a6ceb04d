"""Files people send: fair pictures and the other ones. Made here, byte by byte, so that nothing is stored."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image

PIXEL_ROWS = 30_000


def picture(width: int = 60, height: int = 40, kind: str = "PNG", mode: str = "RGB", **more: object) -> bytes:
    """Return a green picture."""
    target = io.BytesIO()
    Image.new(mode, (width, height), "green" if mode == "RGB" else 1).save(target, kind, **more)
    return target.getvalue()


def photo(width: int = 100, height: int = 50) -> bytes:
    """Return what a phone makes: lying on its side, with the place it was taken in its margins."""
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (30.0, 15.0, 0.0)
    Image.new("RGB", (width, height), "red").save(target, "JPEG", exif=exif, comment=b"taken at home")
    return target.getvalue()


def moving(kind: str) -> bytes:
    """Return an animation of two frames."""
    target = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(target, kind, save_all=True, append_images=frames[1:], duration=100)
    return target.getvalue()


def with_archive(data: bytes) -> bytes:
    """Return a picture that unpacks as a ZIP, too."""
    target = io.BytesIO(data)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("evil.html", "x")
    return target.getvalue()


def png_bomb() -> bytes:
    """Return 900 megapixels of nothing in a megabyte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", PIXEL_ROWS, PIXEL_ROWS, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * (1 + 3 * PIXEL_ROWS) * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def webp_bomb() -> bytes:
    """Return a small WebP whose head claims 16,384 × 16,384: two gigabytes for its decoder."""
    data = bytearray(moving("WEBP"))
    data[24:30] = (16_383).to_bytes(3, "little") * 2
    return bytes(data)


# What nobody may upload as a picture, by what it is.
REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
    "svg with a head": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>x()</script></svg>",
    "html": b"<html><script>x()</script></html>",
    "html that begins as a gif": b"GIF89a/*<script>x()</script>*/=1;",
    "html behind a picture": picture() + b"<script>x()</script>",
    "html in a picture's margins": picture(kind="JPEG", comment=b"<HTML ><body onload=x()>"),
    "php in a picture's margins": picture(kind="JPEG", comment=b"<?php system($_GET[0]); ?>"),
    "an archive behind a picture": with_archive(picture()),
    "pdf": b"%PDF-1.7",
    "pdf in a picture's margins": picture(kind="JPEG", comment=b"%PDF-1.7 1 0 obj"),
    "script": b"#!/bin/sh\nrm -rf /",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "png without a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
    "half a png": picture(400, 400, "PNG")[:300],
    "half a jpeg": photo(900, 900)[:-2000],
    "half a webp": picture(400, 400, "WEBP")[:60],
    "moving gif": moving("GIF"),
    "moving png": moving("PNG"),
    "moving webp": moving("WEBP"),
    "eight pixels": picture(8, 8),
    "a line of pixels": picture(16_001, 16),
    "png bomb": png_bomb(),
    "webp bomb": webp_bomb(),
    "gif bomb": picture(30_000, 2_000, "GIF", "P"),
    "eleven megabytes": b"\xff\xd8\xff" + b"\0" * 11 * 1024 * 1024,
    "tiff": picture(kind="TIFF"),
    "icon": picture(32, 32, "ICO"),
}


def files_in(folder: Path) -> list[str]:
    """Return the names of all files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
