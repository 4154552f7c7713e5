"""``cosyvoice-mms``: the command line. Each module is one command."""
