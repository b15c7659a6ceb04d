"""The signed-in person's messages."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.auth import caller
from shop.api.describing import OpenApiParameter, OpenApiResponse, extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.base.errors import Invalid
from shop.notifications.actions import mark_all_read, mark_read
from shop.notifications.models import Notification
from shop.notifications.queries import key_of, notifications_by_keys, notifications_of, unread_by_group
from shop.notifications.rules import GROUPS, group_of, render


class NotificationOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    link = serializers.CharField()
    key = serializers.SerializerMethodField(help_text="Names the message when it is marked as read.")
    group = serializers.SerializerMethodField(help_text="What it is about: orders, money_back, store, kept, account.")
    created_at = serializers.DateTimeField()
    is_read = serializers.SerializerMethodField()

    def get_title(self, row: Notification) -> str:
        return render(row.kind, row.facts)[0]

    def get_text(self, row: Notification) -> str:
        return render(row.kind, row.facts)[1]

    def get_key(self, row: Notification) -> str:
        return key_of(row)

    def get_group(self, row: Notification) -> str:
        return group_of(row.kind)

    def get_is_read(self, row: Notification) -> bool:
        return row.read_at is not None


class CountsOutput(serializers.Serializer[Any]):
    unread = serializers.IntegerField()
    groups = serializers.DictField(child=serializers.IntegerField())


class ReadInput(serializers.Serializer[Any]):
    keys = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=100,
        required=False,
        help_text="The messages to mark; without it all of them.",
    )


GROUP = OpenApiParameter("group", str, enum=list(GROUPS), description="Only messages about this.")


@extend_schema(operation_id="me_notifications_list", parameters=[*PAGING, GROUP], responses=paged(NotificationOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def notification_list(request: Request) -> Response:
    """My messages, newest first."""
    group = request.query_params.get("group", "")
    if group and group not in GROUPS:
        raise Invalid(_("There is no such group of messages."), field="group")
    page = page_of(notifications_of(caller(request), group), request)
    return page.answer(NotificationOutput(page.rows, many=True).data)


@extend_schema(responses=CountsOutput)
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def counts(request: Request) -> Response:
    """How many messages I have not read, in all and by what they are about."""
    groups = unread_by_group(caller(request))
    return Response({"unread": sum(groups.values()), "groups": groups})


@extend_schema(request=ReadInput, responses={204: OpenApiResponse(description="Read.")})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def read_all(request: Request) -> Response:
    """Mark messages of mine as read: those named, or all."""
    form = ReadInput(data=request.data)
    form.is_valid(raise_exception=True)
    user, keys = caller(request), form.validated_data.get("keys")
    if keys is None:
        mark_all_read(user=user, at=timezone.now())
    else:
        mark_read(user=user, notices=notifications_by_keys(user, keys), at=timezone.now())
    return Response(status=204)
