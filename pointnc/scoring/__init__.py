"""From a confusion matrix to IoU tables under named conventions."""
