"""Redaction: what is secret, what stands for it, and a recording in which nothing of it is left. Pure."""
