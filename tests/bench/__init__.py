"""`make bench`: the harness beside plain torch, in one run, alternating. Not part of `make test`."""
