"""Load the demo: goods, people, and ninety days of trade with consistent books."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from orders.demo import coupons, goods, payouts, people
from orders.demo.story import Story
from orders.lifecycle.models import Order
from shop.catalogue.models import Product
from shop.gateways.sandbox.client import SandboxControl
from shop.work.sweep import run_due


class Command(BaseCommand):
    help = "Load the demo once; running it again adds what is missing and plays nothing twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="how many days of trade to play (90)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LINJIA_SANDBOX:
            raise CommandError("The demo pays with the sandbox WeChat; it does not run without it.")
        if not 1 <= options["days"] <= 365:
            raise CommandError("Play 1 to 365 days.")
        now = timezone.now()
        sandbox = SandboxControl(settings.LINJIA_SANDBOX_URL)
        people.make_staff()
        products = goods.load(now)
        people.make_customers(sandbox)
        people.make_rules(now)
        stores = people.make_stores(sandbox, products, now)
        coupons.make_coupons(stores, now)
        if Order.objects.exists():
            self.stdout.write("The story was played already.")
        else:
            # The story's notices would be months old when they arrive; it asks for each payment itself.
            sandbox.queue_notices()
            story = Story(sandbox=sandbox, stores=stores, products=products, days=options["days"], now=now)
            payouts.plan(story)
            taken = now - timedelta(days=min(coupons.TAKEN_DAYS, options["days"] - 1))
            story.at(taken, coupons.taking(story.customers))
            orders = story.play()
            payouts.settle_statements(now)
            coupons.hand_out(story.customers, now)
            # What fell due in the past is done now, as the sweep would.
            run_due(rounds_max=100)
            sandbox.pending_notices()
            sandbox.send_notices()
            self.stdout.write(f"{Product.objects.count()} products, {len(stores)} stores, {orders} orders.")
        for line in people.logins():
            self.stdout.write(line)
