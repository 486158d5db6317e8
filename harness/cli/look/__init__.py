"""One sequence through a trained run: `text` prints it, `table` writes it, `figure` draws it."""
