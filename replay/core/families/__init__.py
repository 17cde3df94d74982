"""One module per family of types; reader and writer of a family live together."""
