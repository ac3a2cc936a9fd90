"""From checked samples to weights: coordinates, the loop, and what to say of how it ended.

Knows steps and objectives; not how samples are checked.
"""
