"""Races: two processes with several threads each do one contested thing at the same moment.

``arena`` holds the two processes, ``worker`` is what runs in them, ``deeds`` are the contested things, ``plants``
are the mistakes we might have made, and the tests say what must hold after each round. LINJIA_RACE_ROUNDS raises the
number of rounds, LINJIA_RACE_SEED replays one run's order of starts.
"""
