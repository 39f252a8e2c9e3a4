"""Thinline: telehealth over a thin line."""

__version__ = "0.1.0"
