"""``/api/v1/``: people, goods, places."""

from django.urls import path

from shop.api import addresses, catalogue, coupons, description, interests, notifications, sign_in, uploads

urlpatterns = [
    path("schema/", description.description, name="api-schema"),
    path("docs/", description.reading_page, name="api-docs"),
    path("auth/codes/", sign_in.send_code),
    path("auth/code-sign-in/", sign_in.code_sign_in),
    path("auth/password-sign-in/", sign_in.password_sign_in),
    path("auth/wechat-sign-in/", sign_in.wechat_sign_in),
    path("auth/refresh/", sign_in.refresh),
    path("auth/sign-out/", sign_in.sign_out),
    path("me/", sign_in.me),
    path("me/notifications/", notifications.notification_list),
    path("me/notifications/counts/", notifications.counts),
    path("me/notifications/read/", notifications.read_all),
    path("me/addresses/", addresses.address_list),
    path("me/addresses/<slug:number>/", addresses.address_detail),
    path("coupons/", coupons.coupon_list),
    path("coupons/<slug:code>/claim/", coupons.coupon_claim),
    path("me/coupons/", coupons.my_coupons),
    path("uploads/", uploads.upload),
    path("regions/", addresses.region_list),
    path("me/favourites/products/", interests.favourite_list),
    path("me/favourites/telling/", interests.favourite_telling),
    path("me/favourites/products/<slug:product>/", interests.favourite_detail),
    path("me/favourites/products/<slug:product>/telling/", interests.favourite_watch),
    path("me/footprints/", interests.footprint_list),
    path("me/footprints/keeping/", interests.footprint_keeping),
    path("me/footprints/<slug:product>/", interests.footprint_detail),
    path("me/searches/", interests.search_list),
    path("search/suggestions/", catalogue.suggestion_list),
    path("categories/", catalogue.category_list),
    path("products/", catalogue.product_list),
    path("products/<slug:number>/", catalogue.product_detail),
]
