"""The signed-in person's messages."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.auth import caller
from shop.api.pagination import PAGING, page_of, paged
from shop.notifications.actions import mark_all_read
from shop.notifications.models import Notification
from shop.notifications.queries import notifications_of
from shop.notifications.rules import render


class NotificationOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    link = serializers.CharField()
    created_at = serializers.DateTimeField()
    is_read = serializers.SerializerMethodField()

    def get_title(self, row: Notification) -> str:
        return render(row.kind, row.facts)[0]

    def get_text(self, row: Notification) -> str:
        return render(row.kind, row.facts)[1]

    def get_is_read(self, row: Notification) -> bool:
        return row.read_at is not None


@extend_schema(operation_id="me_notifications_list", parameters=PAGING, responses=paged(NotificationOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def notification_list(request: Request) -> Response:
    """My messages, newest first."""
    page = page_of(notifications_of(caller(request)), request)
    return page.answer(NotificationOutput(page.rows, many=True).data)


@extend_schema(request=None, responses={204: OpenApiResponse(description="Read.")})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def read_all(request: Request) -> Response:
    """Mark all my messages as read."""
    mark_all_read(user=caller(request), at=timezone.now())
    return Response(status=204)
