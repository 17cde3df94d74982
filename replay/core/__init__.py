"""Pure: no input or output, no patching."""
