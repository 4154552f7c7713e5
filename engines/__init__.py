"""What speaks: plain Python and torch, usable from a REPL, without Ray."""
