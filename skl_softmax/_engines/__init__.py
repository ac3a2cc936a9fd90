"""The engines: sums over the samples in memory, on disk, on another device or on a cluster.

They know rows, labels and weights, but no objective, step or estimator.
"""
