"""The objective F: its smooth part, the L1 penalty, and how far above its minimum a loss is.

Knows what the engines sum; takes no steps.
"""
