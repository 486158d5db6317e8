"""`make bench`: the harness beside plain torch, in alternating measurements; not part of `make test`."""
