# Every line is one that a person could type. Needs Python 3.11 or newer; everything else is fetched.

.PHONY: run regions test check bench faults

run: ## start the shop: http://127.0.0.1:8000 (PORT, HOST, SANDBOX_PORT, DATABASE_URL, REDIS_URL are heeded)
	@exec python3 settings/run.py run

regions: ## fetch all townships and villages of China (12 MB) and load them, so that addresses go down to the village
	@exec python3 settings/run.py regions

test: ## run the tests (make test ARGS="tests/shop -k money")
	@exec python3 settings/run.py test $(ARGS)

bench: ## measure speed and memory against limits; the results go to docs/performance.md (make bench ARGS="order")
	@exec python3 settings/run.py bench $(ARGS)

check: ## formatting, lint, types, readable tests, import floors, migrations, API schema, translations
	@exec python3 settings/run.py check

faults: ## kill, cut and empty everything on an installation of its own, many times (LINJIA_FAULT_SEED=n replays)
	@exec python3 settings/run.py faults $(ARGS)
