"""What is measured beside training, one file a probe."""
