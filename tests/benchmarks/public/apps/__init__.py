"""Small applications, a module each, that use one library as its users do. `record()` is the benign run."""
