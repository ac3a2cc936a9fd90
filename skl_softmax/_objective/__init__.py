"""The objective F: its smooth part, the L1 penalty, and how far above its minimum a loss is.

This folder knows the sums that the engines compute; it takes no steps.
"""
