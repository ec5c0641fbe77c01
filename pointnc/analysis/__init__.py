"""What a trained network's features say of the classes, and what the scenes say of them; for the analysis page."""
