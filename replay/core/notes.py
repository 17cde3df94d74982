"""What is found out about a recording later is noted in its context, each kind under a name of its own."""

from __future__ import annotations

import msgspec

from replay.core.recording import Recording

NOTES = ("noise", "damage", "promoted", "cause")


def without_notes(recording: Recording) -> Recording:
    """As production recorded it."""
    for name in NOTES:
        recording = with_note(recording, name, None)
    return recording


def with_note(recording: Recording, name: str, value: object) -> Recording:
    """The recording with exactly this under that name, None: with nothing; its id stays. Raises ValueError if there is
    something to note and its context is no mapping."""
    context = recording.context.tree
    is_mapping = isinstance(context, dict) and "$id" not in context
    if value is None and not (is_mapping and name in context):
        return recording
    if not is_mapping:
        raise ValueError("its context is no mapping")
    context = {key: each for key, each in context.items() if key != name}
    if value is not None:
        context[name] = value
    text = msgspec.json.encode(context).decode()
    return msgspec.structs.replace(recording, context=msgspec.structs.replace(recording.context, text=text))
