"""One module for each family of endpoints: translation, and nothing else."""
