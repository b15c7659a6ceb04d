"""Addresses of the trade's pages."""

from django.urls import path

from orders.web.dashboard import overview, sales
from orders.web.storefront import after_sales, cart, cashier, checkout, my_orders, reviews, supplier_facts

urlpatterns = [
    path("welcome/", cart.welcome, name="welcome"),
    path("cart/", cart.show, name="cart"),
    path("cart/badge/", cart.badge, name="cart-badge"),
    path("cart/coupons/", cart.coupon_hint, name="cart-coupons"),
    path("dashboard/codes/sold/", overview.code_orders, name="dashboard-code-orders"),
    path("cart/put-in/", cart.put_in, name="cart-put-in"),
    path("cart/<slug:sku>/quantity/", cart.set_quantity, name="cart-quantity"),
    path("cart/<slug:sku>/select/", cart.select, name="cart-select"),
    path("cart/<slug:sku>/take-out/", cart.take_out, name="cart-take-out"),
    path("checkout/", checkout.checkout, name="checkout"),
    path("checkout/now/", cart.buy_now, name="buy-now"),
    path("checkout/place/", checkout.place, name="order-place"),
    path("orders/", my_orders.my_orders, name="my-orders"),
    path("orders/counts/", my_orders.order_counts, name="order-counts"),
    path("orders/<slug:number>/", my_orders.my_order, name="my-order"),
    path("orders/<slug:number>/again/", my_orders.again, name="order-again"),
    path("orders/<slug:number>/receipt/", my_orders.receipt, name="order-receipt"),
    path("orders/<slug:number>/cancel/", my_orders.cancel, name="order-cancel"),
    path("orders/<slug:number>/receive/<slug:part>/", my_orders.receive, name="order-receive"),
    path("orders/<slug:number>/pay/", cashier.cashier, name="cashier"),
    path("orders/<slug:number>/pay/state/", cashier.payment_state, name="payment-state"),
    path("orders/<slug:number>/pay/result/", cashier.payment_result, name="payment-result"),
    path(
        "orders/<slug:number>/lines/<int:line>/after-sale/",
        after_sales.after_sale_new,
        name="after-sale-new",
    ),
    path(
        "orders/<slug:number>/lines/<int:line>/after-sale/amount/",
        after_sales.after_sale_amount,
        name="after-sale-amount",
    ),
    path("after-sales/", after_sales.my_after_sales, name="my-after-sales"),
    path("after-sales/<slug:number>/", after_sales.after_sale, name="after-sale"),
    path("after-sales/<slug:number>/thread/", after_sales.thread, name="after-sale-thread"),
    path("after-sales/<slug:number>/pictures/<slug:picture>/", after_sales.picture, name="after-sale-picture"),
    path("after-sales/<slug:number>/withdraw/", after_sales.withdraw, name="after-sale-withdraw"),
    path("after-sales/<slug:number>/escalate/", after_sales.escalate, name="after-sale-escalate"),
    path("after-sales/<slug:number>/say/", after_sales.say, name="after-sale-say"),
    path("after-sales/<slug:number>/send-back/", after_sales.send_back, name="after-sale-send-back"),
    path("p/<slug:number>/reviews/", reviews.product_reviews, name="product-reviews-all"),
    path("p/<slug:number>/reviews/part/", reviews.product_reviews_part, name="product-reviews"),
    path("orders/<slug:number>/lines/<int:line>/review/", reviews.review_new, name="review-new"),
    path("p/<slug:number>/supplier/", supplier_facts.supplier_facts, name="supplier-facts"),
    path("reviews/", reviews.my_reviews, name="my-reviews"),
    path("reviews/<slug:number>/add/", reviews.review_add, name="review-add"),
    path("dashboard/", overview.overview, name="dashboard"),
    path("dashboard/orders/", sales.sales, name="dashboard-orders"),
    path("dashboard/orders/of-links/", overview.link_orders, name="dashboard-link-orders"),
    path("dashboard/orders/<slug:number>/", sales.sale, name="dashboard-order"),
]
