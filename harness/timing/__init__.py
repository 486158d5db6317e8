"""The isolated timing pass: what a training step costs, measured apart from any training."""
