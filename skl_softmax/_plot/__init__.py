"""The displays.

They know what a model with given weights predicts, and not how the weights were found.
"""
