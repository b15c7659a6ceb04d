"""The Celery application. Redis is a doorbell: losing every message loses no work (see docs/architecture.md)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")

app = Celery("linjia")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
