"""The samples of a task on one page: `text` writes it, `command` is `harness check`."""
