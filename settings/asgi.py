"""Entry for asynchronous servers; pages and API are served by WSGI, which is several times faster here."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
os.environ.setdefault("LINJIA_PROCESS", "web")

application = get_asgi_application()
