"""``/api/v1/``: cart, orders, payments, after-sales, notices."""

from django.urls import path, re_path

from orders.api import aftersales, cart, orders, payments, store_orders, webhooks

urlpatterns = [
    path("cart/", cart.cart_detail),
    path("cart/lines/", cart.cart_lines),
    path("cart/lines/<str:sku>/", cart.cart_line),
    path("quotes/", cart.quotes),
    path("orders/", orders.order_list),
    path("orders/<str:number>/", orders.order_detail),
    path("orders/<str:number>/cancel/", orders.order_cancel),
    path("orders/<str:number>/payments/", payments.order_payments),
    path("orders/<str:number>/payments/<str:payment>/check/", payments.payment_check),
    path("orders/<str:number>/parts/<str:part>/receive/", orders.part_receive),
    path("aftersales/", aftersales.aftersale_list),
    path("aftersales/<str:number>/", aftersales.aftersale_detail),
    path("aftersales/<str:number>/withdraw/", aftersales.aftersale_withdraw),
    path("aftersales/<str:number>/send-back/", aftersales.aftersale_send_back),
    path("aftersales/<str:number>/escalate/", aftersales.aftersale_escalate),
    path("aftersales/<str:number>/evidence/", aftersales.aftersale_evidence),
    path("me/store/orders/", store_orders.store_order_list),
    path("me/store/orders/<str:number>/explain/", store_orders.store_order_explain),
    re_path(r"^webhooks/wechat/(?P<kind>payment|refund|transfer)/$", webhooks.wechat_notice),
]
