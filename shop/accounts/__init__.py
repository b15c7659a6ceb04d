"""People: users, sign-in, WeChat identities, addresses, access tokens."""
