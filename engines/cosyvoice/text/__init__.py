"""Text before the language model: normalising, splitting, tokens."""
