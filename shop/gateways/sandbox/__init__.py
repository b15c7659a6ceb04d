"""A local WeChat: its own process, its own book, real keys, and every way to fail.

It speaks the wire format of WeChat Pay v3 and of the mini-program services, checks the shop's signatures with
RSA-2048 and sends notices encrypted with AES-256-GCM, so that the shop runs the very code it runs in production.
Started with ``python -m shop.gateways.sandbox``; it needs no database and no Django settings, listens on loopback
only, and refuses to start in production. No real money can pass through it.
"""
