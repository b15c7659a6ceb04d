"""A connection is looked at before it is asked.

Django asks ``SELECT 1`` at the first use in each request whether a kept connection still lives. A server that ended it
has said so (or closed the socket), which can be seen without a round trip.
"""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's backend; only what looks ended is asked whether it is."""

    def is_usable(self) -> bool:
        """Return whether the connection can be used."""
        if self.connection is None or self.connection.closed:
            return False
        socket = select.poll()
        socket.register(self.connection.fileno(), select.POLLIN | select.POLLERR | select.POLLHUP)
        # Nothing is owed to us between requests: whatever came is a farewell.
        return not socket.poll(0) or super().is_usable()
