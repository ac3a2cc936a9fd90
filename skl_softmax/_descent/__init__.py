"""The steps of gradient descent: by a number, and by a matrix.

Knows objectives; not when to stop, nor what for.
"""
