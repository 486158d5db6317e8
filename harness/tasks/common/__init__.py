"""Shared by several tasks: random streams, disjoint splits, argument checks, signals, grammars, images."""
