"""Addresses of stores and share links."""

from django.urls import path

from distributors.web import storefront

urlpatterns = [
    path("store/<slug:code>/", storefront.store, name="store"),
    path("store/<slug:code>/p/<slug:number>/", storefront.store_product, name="store-product"),
    path("s/<slug:token>", storefront.landing, name="share"),
    path("s/<slug:token>/", storefront.landing),
]
