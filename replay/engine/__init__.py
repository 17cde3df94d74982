"""Runs recordings: the recorder, the player, the session."""
