"""Sparse-convolution networks over spconv."""
