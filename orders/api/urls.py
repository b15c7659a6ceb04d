"""``/api/v1/``: cart, orders, payments, after-sales, reviews."""

from django.urls import path

from orders.api import aftersales, cart, orders, payments, reviews, store_orders

urlpatterns = [
    path("cart/", cart.cart_detail),
    path("cart/lines/", cart.cart_lines),
    path("cart/lines/<slug:sku>/", cart.cart_line),
    path("quotes/", cart.quotes),
    path("orders/", orders.order_list),
    path("orders/<slug:number>/", orders.order_detail),
    path("orders/<slug:number>/cancel/", orders.order_cancel),
    path("orders/<slug:number>/payments/", payments.order_payments),
    path("orders/<slug:number>/payments/<slug:payment>/check/", payments.payment_check),
    path("orders/<slug:number>/parts/<slug:part>/receive/", orders.part_receive),
    path("aftersales/", aftersales.aftersale_list),
    path("aftersales/proposal/", aftersales.aftersale_proposal),
    path("aftersales/<slug:number>/pictures/<slug:picture>/", aftersales.aftersale_picture),
    path("aftersales/<slug:number>/", aftersales.aftersale_detail),
    path("aftersales/<slug:number>/withdraw/", aftersales.aftersale_withdraw),
    path("aftersales/<slug:number>/send-back/", aftersales.aftersale_send_back),
    path("aftersales/<slug:number>/escalate/", aftersales.aftersale_escalate),
    path("aftersales/<slug:number>/evidence/", aftersales.aftersale_evidence),
    path("products/<slug:number>/reviews/", reviews.product_review_list),
    path("products/<slug:number>/rating/", reviews.product_rating),
    path("reviews/", reviews.review_list),
    path("reviews/waiting/", reviews.waiting_list),
    path("reviews/<slug:number>/follow-up/", reviews.review_follow_up),
    path("me/store/orders/", store_orders.store_order_list),
    path("me/store/orders/<slug:number>/explain/", store_orders.store_order_explain),
]
