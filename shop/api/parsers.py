"""How bodies are read: bounded in size and depth before anything looks at them."""

import contextlib
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

import orjson
from django.utils.translation import gettext_lazy as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from shop.api.errors import BodyTooLarge

JSON_BYTES_MAX = 256 * 1024
MULTIPART_BYTES_MAX = 32 * 1024 * 1024


class JSONParser(parsers.JSONParser):
    """JSON of 256 KiB at most. NaN, endless numbers and endless depth are malformed, not faults."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the body. Raises ``BodyTooLarge`` (413) or ``ParseError`` (400)."""
        body = stream.read(JSON_BYTES_MAX + 1)
        if len(body) > JSON_BYTES_MAX:
            raise BodyTooLarge(_("A body has at most %(kib)d KiB.") % {"kib": JSON_BYTES_MAX // 1024})
        if (parser_context or {}).get("encoding", "utf-8") == "utf-8":
            # What the fast way refuses is refused, or believed, by the framework's own.
            with contextlib.suppress(orjson.JSONDecodeError):
                return orjson.loads(body)  # type: ignore[no-any-return]
        try:
            found: dict[str, Any] = super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("This JSON is nested too deeply.")) from error
        return found


class MultiPartParser(parsers.MultiPartParser):
    """Forms with pictures of 32 MiB at most."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "parsers.DataAndFiles[Any, Any]":
        """Return the fields and files. Raises ``BodyTooLarge`` (413) or ``ParseError`` (400)."""
        request = (parser_context or {}).get("request")
        told = request.META.get("CONTENT_LENGTH", "") if request is not None else ""
        if not str(told).isdigit() or int(told) > MULTIPART_BYTES_MAX:
            raise BodyTooLarge(
                _("A form with pictures has at most %(mib)d MiB.") % {"mib": MULTIPART_BYTES_MAX // 1024 // 1024}
            )
        return super().parse(stream, media_type, parser_context)
