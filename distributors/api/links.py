"""Share links, and the touches of those who open them in the mini-program."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from distributors.api.access import own_store
from distributors.links import actions
from distributors.links.carry import carried, seal
from distributors.links.models import ShareLink
from distributors.links.queries import link_by_token, link_of, links_of
from shop.accounts.models import User
from shop.api.describing import OpenApiResponse, extend_schema
from shop.api.pagination import PAGING, page_of, paged
from shop.api.throttles import limited
from shop.base.callers import address_of
from shop.base.errors import NotFound
from shop.base.numbers import token_hash
from shop.catalogue.queries import product_for_sale


class LinkInput(serializers.Serializer[None]):
    target = serializers.ChoiceField(choices=ShareLink.Target.choices)
    product = serializers.CharField(max_length=16, required=False, default="", allow_blank=True)
    channel = serializers.ChoiceField(choices=ShareLink.Channel.choices, required=False, default=ShareLink.Channel.LINK)
    label = serializers.CharField(  # type: ignore[assignment]  # every field has a label; this one is a field
        max_length=40, required=False, default="", allow_blank=True
    )


class LinkOutput(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Also the scene of a mini-program code.")
    url = serializers.SerializerMethodField()
    target = serializers.CharField()
    product = serializers.SerializerMethodField()
    channel = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # every field has a label; this one is a field
    created_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)

    def get_url(self, row: ShareLink) -> str:
        return f"{settings.LINJIA_PUBLIC_URL}/s/{row.token}"

    def get_product(self, row: ShareLink) -> str:
        return row.product.number if row.product else ""


class TouchOutput(serializers.Serializer[Any]):
    store = serializers.CharField()
    target = serializers.CharField()
    product = serializers.CharField(allow_blank=True)
    visitor_key = serializers.CharField(help_text="Keep it and send it as X-Visitor-Key.")
    share_touch = serializers.CharField(
        help_text="Send it as X-Share-Touch with the next POST: the order then never loses its link."
    )


@extend_schema(methods=["GET"], operation_id="me_store_links_list", parameters=PAGING, responses=paged(LinkOutput))
@extend_schema(methods=["POST"], request=LinkInput, responses={201: LinkOutput})
@limited("share_link")
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def link_list(request: Request) -> Response:
    """My share links, newest first; or make one."""
    store = own_store(request)
    if request.method == "POST":
        form = LinkInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        wants_product = data["target"] == ShareLink.Target.PRODUCT
        link = actions.create_link(
            store=store,
            target=data["target"],
            product=product_for_sale(data["product"]) if wants_product else None,
            channel=data["channel"],
            label=data["label"],
            now=timezone.now(),
        )
        return Response(LinkOutput(link).data, status=201)
    page = page_of(links_of(store).select_related("product"), request)
    return page.answer(LinkOutput(page.rows, many=True).data)


@extend_schema(responses={204: OpenApiResponse(description="Revoked.")})
@api_view(["DELETE"])
@permission_classes([IsAuthenticated])
def link_detail(request: Request, token: str) -> Response:
    """End one of my links: it leads on, but brings nothing any more."""
    actions.revoke_link(link=link_of(own_store(request), token), now=timezone.now())
    return Response(status=204)


@extend_schema(request=None, responses={201: TouchOutput})
@limited("touch")
@api_view(["POST"])
@permission_classes([AllowAny])
def touch(request: Request, token: str) -> Response:
    """Record that a link was opened here, and learn where it leads.

    Works without sign-in, also in Moments' single-page mode; the touch is merged at sign-in through
    the visitor key.
    """
    link = link_by_token(token)
    if link is None:
        raise NotFound(_("This link leads nowhere any more."), field="token")
    key = str(getattr(request, "visitor_key", ""))  # set by ShareMiddleware, made when the client has none
    user = request.user if isinstance(request.user, User) else None
    address = address_of(request)
    opened = actions.record_touch(link=link, visitor_key=key, user=user, now=timezone.now(), address=address)
    facts = {
        "store": link.store.code,
        "target": link.target,
        "product": link.product.number if link.product else "",
        "visitor_key": key,
        "share_touch": seal([carried(opened)], visitor_hash=token_hash(key)),
    }
    return Response(facts, status=201)
