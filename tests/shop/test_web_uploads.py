"""Forms with files: what is too long is refused before it is read."""

import pytest
from django.test import Client

from shop.web.uploads import FORM_BYTES_MAX
from tests import world

pytestmark = pytest.mark.django_db


def test_a_form_that_says_it_is_too_long_is_not_read() -> None:
    owner = world.ahe().distributor.user
    client = Client()
    client.force_login(owner)
    body = b'--x\r\nContent-Disposition: form-data; name="portrait"; filename="a.png"\r\n\r\nx\r\n--x--\r\n'
    answer = client.generic(
        "POST",
        "/dashboard/store/",
        body,
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(FORM_BYTES_MAX + 1),
    )
    assert answer.status_code == 400
    assert "一次最多上传六张图片" in answer.content.decode()
