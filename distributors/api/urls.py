"""``/api/v1/``: stores, links, earnings."""

from django.urls import path

from distributors.api import codes, earnings, favourites, links, stores

urlpatterns = [
    path("stores/<slug:code>/", stores.store_detail),
    path("stores/<slug:code>/listings/", stores.store_listings),
    path("links/<slug:token>/touches/", links.touch),
    path("codes/", codes.enter),
    path("me/store/codes/", codes.code_list),
    path("me/store/codes/<slug:word>/", codes.code_detail),
    path("me/favourites/stores/", favourites.favourite_list),
    path("me/favourites/stores/<slug:code>/", favourites.favourite_detail),
    path("me/distributor/", stores.distributor),
    path("me/store/listings/", stores.own_listings),
    path("me/store/listings/<slug:product>/", stores.own_listing),
    path("me/store/links/", links.link_list),
    path("me/store/links/<slug:token>/", links.link_detail),
    path("me/store/earnings/", earnings.earnings),
    path("me/store/commissions/", earnings.commission_list),
    path("me/store/statement/", earnings.statement_list),
    path("me/store/withdrawals/", earnings.withdrawal_list),
    path("me/store/withdrawals/<slug:number>/", earnings.withdrawal_detail),
    path("me/store/withdrawals/<slug:number>/cancel/", earnings.withdrawal_cancel),
    path("me/store/payout-account/", earnings.payout_account),
]
