"""Entry of the web processes (Granian in WSGI mode)."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
os.environ.setdefault("LINJIA_PROCESS", "web")

application = get_wsgi_application()
# What is loaded now stays: the collector need not look through it again with each request.
gc.collect()
gc.freeze()
