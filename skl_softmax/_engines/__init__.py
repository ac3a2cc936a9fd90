"""What is summed over the samples, and where: in memory, on disk, on a device, on a cluster.

Knows rows, labels and weights; nothing of an objective, a step or an estimator.
"""
