"""Hypothesis without a stop-watch: the cores are shared, and speed is not what is promised here."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
