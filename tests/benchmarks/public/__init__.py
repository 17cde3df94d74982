"""Libraries of other people in the version of a reported crash: a benign capture, a search, and the crash is found."""
