"""Addresses of stores and share links."""

from django.urls import path

from distributors.web import codes, favourites, share_sheet, storefront
from distributors.web.dashboard import codes as own_codes
from distributors.web.dashboard import earnings, joining, own_store, payouts, picks, sharing

urlpatterns = [
    path("stores/", storefront.open_stores, name="open-stores"),
    path("store/<slug:code>/", storefront.store, name="store"),
    path("store/<slug:code>/p/<slug:number>/", storefront.store_product, name="store-product"),
    path("store/<slug:code>/p/<slug:number>/delivery/", storefront.delivery, name="store-product-delivery"),
    path("store/<slug:code>/heart/", favourites.heart, name="store-heart"),
    path("store/<slug:code>/favourite/", favourites.favourite, name="store-favourite"),
    path("me/favourite-stores/", favourites.favourite_stores, name="favourite-stores"),
    path("s/<slug:token>", storefront.landing, name="share"),
    path("s/<slug:token>/", storefront.landing),
    path("sitemaps/stores.xml", storefront.sitemap, name="sitemap-stores"),
    path("share/", share_sheet.sheet, name="share-sheet"),
    path("share/own-link/", share_sheet.own_link, name="share-own-link"),
    path("share/poster/", share_sheet.poster, name="share-poster"),
    path("k/<slug:code>/", codes.page, name="code"),
    path("codes/enter/", codes.enter, name="code-enter"),
    path("dashboard/codes/", own_codes.code_list, name="dashboard-codes"),
    path("dashboard/codes/new/", own_codes.code_new, name="dashboard-code-new"),
    path("dashboard/codes/<slug:word>/end/", own_codes.code_end, name="dashboard-code-end"),
    path("dashboard/join/", joining.join, name="dashboard-join"),
    path("dashboard/picks/", picks.picks, name="dashboard-picks"),
    path("dashboard/picks/shelf/", picks.shelf, name="dashboard-shelf"),
    path("dashboard/picks/<slug:number>/", picks.pick_edit, name="dashboard-pick-edit"),
    path("dashboard/picks/<slug:number>/pick/", picks.pick, name="dashboard-pick"),
    path("dashboard/picks/<slug:number>/take-out/", picks.unpick, name="dashboard-unpick"),
    path("dashboard/picks/<slug:number>/first/", picks.lift, name="dashboard-lift"),
    path("dashboard/links/", sharing.link_list, name="dashboard-links"),
    path("dashboard/links/new/", sharing.link_new, name="dashboard-link-new"),
    path("dashboard/links/<slug:token>/", sharing.link, name="dashboard-link"),
    path("dashboard/links/<slug:token>/code.png", sharing.link_code, name="dashboard-link-code"),
    path("dashboard/links/<slug:token>/revoke/", sharing.link_revoke, name="dashboard-link-revoke"),
    path("dashboard/earnings/", earnings.earnings, name="dashboard-earnings"),
    path("dashboard/books/", earnings.books, name="dashboard-books"),
    path("dashboard/withdrawals/", payouts.withdrawals, name="dashboard-withdrawals"),
    path("dashboard/withdrawals/<slug:number>/", payouts.withdrawal, name="dashboard-withdrawal"),
    path(
        "dashboard/withdrawals/<slug:number>/cancel/",
        payouts.withdrawal_cancel,
        name="dashboard-withdrawal-cancel",
    ),
    path("dashboard/payout-account/", payouts.payout_account, name="dashboard-payout-account"),
    path("dashboard/team/", own_store.team, name="dashboard-team"),
    path("dashboard/store/", own_store.settings, name="dashboard-store"),
    path("dashboard/store/leave/", joining.leave, name="dashboard-leave"),
]
