"""Pictures sent one by one, as a mini-program can; what they belong to is said afterwards by their numbers."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api.auth import caller
from shop.api.describing import extend_schema
from shop.api.parsers import MultiPartParser
from shop.api.throttles import limited
from shop.base.errors import Invalid
from shop.media.actions import keep
from shop.media.models import Picture
from shop.media.rules import BYTES_MAX

PURPOSES = [Picture.Purpose.REVIEW, Picture.Purpose.EVIDENCE]


class UploadInput(serializers.Serializer[None]):
    purpose = serializers.ChoiceField(choices=[(purpose.value, purpose.label) for purpose in PURPOSES])
    file = serializers.FileField(help_text="JPEG, PNG or WebP, at most 10 MB.")


class UploadOutput(serializers.ModelSerializer[Picture]):
    class Meta:
        model = Picture
        fields = ("number", "purpose", "width", "height")


@extend_schema(request={"multipart/form-data": UploadInput}, responses={201: UploadOutput})
@limited("upload")
@api_view(["POST"])
@permission_classes([IsAuthenticated])
@parser_classes([MultiPartParser])
def upload(request: Request) -> Response:
    """Send one picture (multipart fields ``file`` and ``purpose``). What is not used within a day is deleted.

    Use its ``number`` in ``pictures`` of a review or of an after-sale. Only the sender can, once.
    """
    form = UploadInput(data=request.data)
    form.is_valid(raise_exception=True)
    file = form.validated_data["file"]
    if file.size > BYTES_MAX:
        raise Invalid(_("The picture is larger than 10 MB. Save it smaller."), field="file")
    picture = keep(
        data=file.read(BYTES_MAX + 1),
        purpose=Picture.Purpose(form.validated_data["purpose"]),
        uploader=caller(request),
        now=timezone.now(),
    )
    return Response(UploadOutput(picture).data, status=201)
