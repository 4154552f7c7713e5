"""What the model takes from a reference clip."""
