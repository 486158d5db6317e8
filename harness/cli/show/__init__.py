"""Samples of a task: `text` prints them, `figure` draws them, `command` is `harness show`."""
