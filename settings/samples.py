"""Secrets for development and tests. Everybody can read them here, so production refuses each of them."""

DEVELOPMENT_SECRET_KEY = "development-only-" + "linjia" * 8
TEST_SECRET_KEY = "tests-only-" + "linjia" * 8
# 32 bytes each, in base64: they look like real keys, which is why they are listed.
DATA_KEY = "bGluamlhLXNhbXBsZS1kYXRhLWtleS0wMDAwMDAwMDE"
LOOKUP_KEY = "bGluamlhLXNhbXBsZS1sb29rdXAta2V5LTAwMDAwMDE"

ALL = frozenset({DEVELOPMENT_SECRET_KEY, TEST_SECRET_KEY, DATA_KEY, LOOKUP_KEY})
