"""Sample bundles, with the code they were recorded from."""
