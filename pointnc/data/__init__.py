"""What feeds a network: data set, transforms, voxels, batches."""
