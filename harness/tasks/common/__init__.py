"""What several tasks share: random streams, disjoint splits, argument checks, signals and grammars."""
