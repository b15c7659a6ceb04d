"""The signed-in person's addresses, and the regions they are chosen from."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.accounts import addresses
from shop.accounts.models import Address
from shop.accounts.queries import address_of, addresses_of
from shop.api.asked import word
from shop.api.auth import caller
from shop.api.describing import OpenApiParameter, OpenApiResponse, extend_schema
from shop.base.errors import Invalid
from shop.regions import queries as regions
from shop.regions.models import Region

COUNTY = 3


class RegionOutput(serializers.ModelSerializer[Region]):
    class Meta:
        model = Region
        fields = ("code", "name", "level")


class AddressInput(serializers.Serializer[None]):
    name = serializers.CharField(max_length=40)
    phone = serializers.CharField(max_length=20)
    region_code = serializers.CharField(max_length=16, help_text="A county or deeper.")
    detail = serializers.CharField(max_length=120)
    is_default = serializers.BooleanField(default=False)


class AddressOutput(serializers.ModelSerializer[Address]):
    class Meta:
        model = Address
        fields = ("number", "name", "phone", "region_code", "region_names", "detail", "is_default")


@extend_schema(
    parameters=[OpenApiParameter("parent", str, description="A region's code; none: the provinces.")],
    responses=RegionOutput(many=True),
)
@api_view(["GET"])
@permission_classes([AllowAny])
def region_list(request: Request) -> Response:
    """The places right below one."""
    parent = word(request, "parent") or None
    if parent and not Region.objects.filter(code=parent).exists():
        raise Invalid(_("There is no such region."), field="parent")
    return Response(RegionOutput(regions.children(parent), many=True).data)


@extend_schema(methods=["GET"], operation_id="me_addresses_list", responses=AddressOutput(many=True))
@extend_schema(methods=["POST"], request=AddressInput, responses={201: AddressOutput})
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def address_list(request: Request) -> Response:
    """My addresses, the default first; at most 30."""
    if request.method == "POST":
        return Response(AddressOutput(_save(request, None)).data, status=201)
    return Response(AddressOutput(addresses_of(caller(request)), many=True).data)


@extend_schema(methods=["GET"], responses=AddressOutput)
@extend_schema(methods=["PUT"], request=AddressInput, responses=AddressOutput)
@extend_schema(methods=["DELETE"], responses={204: OpenApiResponse(description="Removed.")})
@api_view(["GET", "PUT", "DELETE"])
@permission_classes([IsAuthenticated])
def address_detail(request: Request, number: str) -> Response:
    """One of my addresses."""
    if request.method == "PUT":
        return Response(AddressOutput(_save(request, number)).data)
    if request.method == "DELETE":
        addresses.remove_address(user=caller(request), number=number, now=timezone.now())
        return Response(status=204)
    return Response(AddressOutput(address_of(caller(request), number)).data)


def _save(request: Request, number: str | None) -> Address:
    form = AddressInput(data=request.data)
    form.is_valid(raise_exception=True)
    data: dict[str, Any] = form.validated_data
    place = regions.region(data["region_code"])
    if place.level < COUNTY:
        raise Invalid(_("Choose the county or district too."), field="region_code")
    return addresses.save_address(user=caller(request), number=number, region_names=regions.names(place.code), **data)
