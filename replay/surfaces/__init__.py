"""What people touch. The only room that composes the others."""
