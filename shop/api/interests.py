"""What the signed-in person searched for, looked at and keeps. Nobody else's business."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.auth import caller
from shop.interests import actions, queries
from shop.interests.rules import WORDS_LENGTH_MAX


class SearchInput(serializers.Serializer[Any]):
    words = serializers.CharField(max_length=WORDS_LENGTH_MAX)


@extend_schema(
    methods=["GET"],
    operation_id="me_searches_list",
    responses=serializers.ListSerializer(child=serializers.CharField()),
)
@extend_schema(
    methods=["POST"],
    operation_id="me_searches_add",
    request=SearchInput,
    responses={204: OpenApiResponse(description="Remembered.")},
)
@extend_schema(
    methods=["DELETE"], operation_id="me_searches_clear", responses={204: OpenApiResponse(description="Forgotten.")}
)
@api_view(["GET", "POST", "DELETE"])
@permission_classes([IsAuthenticated])
def search_list(request: Request) -> Response:
    """My last searches, newest first; remember one; forget them all."""
    user = caller(request)
    if request.method == "GET":
        return Response(queries.past_searches(user))
    if request.method == "DELETE":
        actions.forget_searches(user=user)
    else:
        told = SearchInput(data=request.data)
        told.is_valid(raise_exception=True)
        actions.remember_search(user=user, words=told.validated_data["words"], now=timezone.now())
    return Response(status=204)
