"""Entry of the web processes (Granian in WSGI mode)."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from settings.front import Front

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
os.environ.setdefault("LINJIA_PROCESS", "web")

# Where no page is kept, none is remembered either.
_SECONDS = min(settings.LINJIA_PAGE_FRONT_SECONDS, settings.LINJIA_PAGE_SECONDS)
application = Front(get_wsgi_application(), seconds=_SECONDS)
# What is loaded now stays: the collector need not look through it again with each request.
gc.collect()
gc.freeze()
