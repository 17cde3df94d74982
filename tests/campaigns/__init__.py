"""Campaigns: long runs by command, of which the suite runs a short one."""
