"""Recordings on disk: the bundle, how it is read as untrusted input, and the background writer."""
