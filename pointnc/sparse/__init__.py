"""Sparse convolution on voxels: grids, neighbor tables, the modules that networks are built of, and their engines."""
