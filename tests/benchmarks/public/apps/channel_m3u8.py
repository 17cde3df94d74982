"""Playlists of a video channel."""

from __future__ import annotations

import m3u8

import replay

BENIGN = (
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
    "#EXTINF:9.009,\nhttp://media.example/first.ts\n#EXTINF:3.003,\nhttp://media.example/second.ts\n#EXT-X-ENDLIST\n"
)


@replay.capture
def length(playlist: str) -> float:
    """Seconds of a playlist."""
    return float(sum(segment.duration or 0 for segment in m3u8.loads(playlist).segments))


def record() -> None:
    length(BENIGN)
