"""Data sets on disk: where they are looked for, how they are downloaded, verified, read and hashed."""
