"""The displays.

Knows what given weights predict; not how they were found.
"""
