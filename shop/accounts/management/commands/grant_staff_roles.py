"""``manage.py grant_staff_roles``: make the staff's groups what docs/access.toml says, after migrate."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from shop.accounts.roles import RoleUnclear, grant, roles_in


class Command(BaseCommand):
    help = "Give the groups support, finance and admin exactly the permissions of docs/access.toml. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = grant(roles_in(settings.LINJIA_ACCESS_FILE))
        except RoleUnclear as error:
            raise CommandError(f"docs/access.toml names {error}, and no model has such a permission.") from error
        if options["verbosity"]:
            for name, count in counts.items():
                self.stdout.write(f"{name}: {count} permissions.")
