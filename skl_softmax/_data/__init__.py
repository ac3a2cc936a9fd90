"""From what a user passed to checked samples.

Knows scikit-learn's conventions; nothing of objectives and steps.
"""
