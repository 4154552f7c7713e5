"""The typed settings tree, the environment it reads, and the ready profiles beside it."""
