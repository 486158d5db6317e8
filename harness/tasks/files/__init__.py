"""Data sets on disk: where they are looked for, how they are fetched, read and verified."""
