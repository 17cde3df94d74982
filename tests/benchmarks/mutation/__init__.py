"""What the search finds, beside what plain Hypothesis and a random mutator find, in the same recording."""
