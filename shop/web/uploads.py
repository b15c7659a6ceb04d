"""How large a form with files may be, said before anything of it is read."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

# Six pictures of 10 MB and the words around them.
FORM_BYTES_MAX = 64 * 1024 * 1024


class BoundedUpload(FileUploadHandler):
    """Refuses a body that says it is too long; the handlers behind it take the files."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Mapping[str, Any],  # noqa: N803 - Django passes it by this name
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        """Raise ``RequestDataTooBig`` (answered with 400) for a body longer than all its pictures may be."""
        if content_length > FORM_BYTES_MAX:
            raise RequestDataTooBig("a form with files that is too large")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
