"""Tuning that is fair: the same trials, budget, cases and objective for every method.

`objective` is what is maximised, `space` what is tried, `task` what is to be done, and `study`
does it.
"""
