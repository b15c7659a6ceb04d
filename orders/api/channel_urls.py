"""Where payment channels knock: ``/api/v1/webhooks/``. Looked up before everything that people and apps ask for."""

from django.urls import re_path

from orders.api import webhooks

urlpatterns = [re_path(r"^wechat/(?P<kind>payment|refund|transfer)/$", webhooks.wechat_notice)]
