"""Neural collapse: simplex frames, class centres, the centre regulariser. Torch only, usable on images too."""
