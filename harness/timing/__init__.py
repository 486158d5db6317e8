"""The isolated timing pass: what a training step costs, measured outside any training run."""
