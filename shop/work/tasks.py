"""The sweep: every few seconds, and whenever somebody rings."""

from celery import shared_task

from shop.work.sweep import run_due


@shared_task(name="shop.work.tasks.sweep", ignore_result=True)
def sweep() -> int:
    """Do what is due, at most 50 rounds of 10 rows per kind a run."""
    return run_due(rounds_max=50)
