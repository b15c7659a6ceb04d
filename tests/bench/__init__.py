"""`make bench`: how fast we are, as ratios to a limit measured in the same minute. Never part of the test suite.

`load` sends requests, `measure` turns rounds into medians and ratios, `stack` starts servers, `cases_*` say what is
measured, `__main__` runs them and writes docs/performance.md.
"""
