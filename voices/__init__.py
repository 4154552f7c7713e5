"""Named voices: reference clips with transcript, language and licence."""
