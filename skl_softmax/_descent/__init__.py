"""The steps of gradient descent: by a number, and by a matrix.

This folder knows objectives. It does not know their data, nor when a fit should stop.
"""
