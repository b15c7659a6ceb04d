"""Addresses of the shop's own pages."""

from django.urls import path

from shop.web.storefront import me, pages, place, search, shelves, sign_in, sitemap

urlpatterns = [
    path("", shelves.home, name="home"),
    path("c/", shelves.categories, name="categories"),
    path("c/<slug:code>/", shelves.category, name="category"),
    path("search/", search.search, name="search"),
    path("search/suggest/", search.suggest, name="search-suggest"),
    path("search/history/", search.history, name="search-history"),
    path("p/<slug:number>/", shelves.product, name="product"),
    path("p/<slug:number>/delivery/", shelves.delivery, name="product-delivery"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("register/", sign_in.register, name="register"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("me/", me.me, name="me"),
    path("me/links/", me.account_links, name="account-links"),
    path("me/profile/", me.profile, name="profile"),
    path("me/messages/", me.notices, name="notices"),
    path("me/addresses/", me.address_list, name="addresses"),
    path("me/addresses/new/", me.address_new, name="address-new"),
    path("me/addresses/<slug:number>/", me.address_edit, name="address-edit"),
    path("me/addresses/<slug:number>/default/", me.address_default, name="address-default"),
    path("me/addresses/<slug:number>/remove/", me.address_remove, name="address-remove"),
    path("me/addresses/<slug:number>/restore/", me.address_restore, name="address-restore"),
    path("place/", place.place, name="place"),
    path("regions/", me.region_levels, name="region-levels"),
    path("robots.txt", sitemap.robots, name="robots"),
    path("sitemap.xml", sitemap.index, name="sitemap"),
    path("sitemaps/pages.xml", sitemap.pages, name="sitemap-pages"),
    path("sitemaps/products.xml", sitemap.products, name="sitemap-products"),
    path("sitemaps/products-<slug:letter>.xml", sitemap.products, name="sitemap-products-of"),
    path("offline/", pages.offline, name="offline"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("sw.js", pages.service_worker, name="service-worker"),
]
