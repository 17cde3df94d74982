"""The campaigns that raise faults reach all that a service runs: a function that is new has to be in one."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from tests.safety.services import ROOT

ELSEWHERE = {
    "as it starts: `init`, decorators, what patches a module that is imported": """
        boundaries/__init__:* boundaries/*:*install boundaries/*:patch boundaries/*:_patch_*
        boundaries/*:tap_* boundaries/*:_tap* boundaries/*:_around* boundaries/call:* boundaries/environ:*
        boundaries/handled:* boundaries/http/httpx_clients:_Seam.* boundaries/http/wire:_swap
        boundaries/interpreter:* boundaries/model:* boundaries/random:_Untapped.seed boundaries/seam:*
        boundaries/stream:following core/behind:notes_errors core/families/seen:_attributes
        core/families/seen:_placed core/families/seen:_made_address core/naming:* core/parameters:*
        core/policy:* core/redaction/commands:_option core/redaction/patterns:_*
        core/redaction/pseudonyms:_table engine/keep:* engine/load:Load.__init__
        engine/recorder:Settings.__post_init__ engine/recorder:configure engine/redaction:Redacting.__init__
        entrypoints/*:???I.__init__ entrypoints/aws_lambda:* entrypoints/celery:* entrypoints/function:*
        entrypoints/methods:* entrypoints/naming:* entrypoints/web:Wrapper.__init__ errors:*
        store/bundle:default_producer store/looked:* store/native:* store/sealed:_recipient store/tables:*
        surfaces/config:* surfaces/init:* surfaces/metrics:* surfaces/redaction:*
    """,
    "as it ends or forks, where no thread may start, as it is asked": """
        engine/load:Load.round entrypoints/asgi:_flushed store/ending:* store/forking:*
        store/spool:Spool._work_here store/spool:Spool.close store/spool:Spool.hurry
        store/spool:Spool.in_child store/spool:Spool.stats store/writer:Writer.evicted
    """,
    "what a guard does": """
        boundaries/threads:_not_started core/world:failed core/world:lost core/world:put_back
        store/writer:Writer.drop
    """,
    "called by a client or the interpreter itself, in a way that no unit has": """
        boundaries/grpc_calls:_method_of boundaries/http/aiohttp_client:_TeeWriter.*
        boundaries/http/httpx_clients:_upload.<locals>.Upload.*close boundaries/random:_OsForUuid.__getattr__
        core/looking:assign core/snapshot:_Loader.find_class entrypoints/web:Wrapper.__?etattr__
        engine/recorder:Recorder.beyond engine/recorder:Recorder.reads
        engine/recorder:Recorder.unrecorded
    """,
    "at the writer, in forms that no unit has: all of it is within one guard, `Writer._settled`": """
        boundaries/http/bodies:_inflated core/behind:apart core/codec:_is_crowded core/codec:Unsettled.size
        core/families/mapped:_set core/redaction/beside:_number core/redaction/bodies:_is_text
        core/redaction/crowds:Crowd._uuids core/redaction/crowds:_as_uuid core/redaction/crowds:_is_plain
        core/redaction/marks:_checksum core/redaction/pseudonyms:Pseudonyms.drawn_hex
        core/redaction/pseudonyms:_cased core/redaction/redactor:_parts
        core/redaction/replaced:Replaced._login core/redaction/streams:* core/redaction/sweep:_is_pair
        core/redaction/sweep:Sweep._shifted core/redaction/texts:Texts._many_of core/snapshot:_array
        engine/budget:Cut.settle engine/captured:Captured.note entrypoints/turn:Joined.*
    """,
    "at replay, or where a bundle is read": """
        boundaries/*:*laying* boundaries/*:*.describe boundaries/clock:* boundaries/http/__init__:*
        boundaries/http/aiohttp_client:_* boundaries/http/exchange:* boundaries/http/faults:*
        boundaries/http/httpx_clients:_* boundaries/http/recorded:* boundaries/http/stored:*
        boundaries/http/wire:* boundaries/http/wire_replay:* boundaries/http/wire_tee:collect
        boundaries/libraries:* boundaries/locks:* boundaries/moments:* boundaries/resting:*
        boundaries/stream:_Played.* boundaries/stream:played* boundaries/threads:_* boundaries/timeline:*
        boundaries/waits:* core/decoder:* core/families/anew:* core/families/arrays:_read*
        core/families/connecting:* core/families/containers:* core/families/errors:* core/families/frames:*
        core/families/mapped:_* core/families/objects:* core/families/records:* core/families/scalars:*
        core/families/seen:* core/families/validation:* core/left:*left
        core/families/statuses:restore core/left:filled core/left:put_back
        core/left:is_noted core/left:opened
        core/left:returned core/looking:loaded core/opened:* core/recording:* core/redaction/marks:places_of
        core/redaction/own:* core/redaction/redactor:* core/standins:* core/surroundings:* core/verdict:*
        core/world:Answer.* core/world:_unkept core/world:occup* engine/entropy:chosen engine/lanes:*
        engine/steps:InOrder.* engine/steps:_checked engine/steps:overlapping
        engine/memory:* engine/targets:* entrypoints/__init__:* entrypoints/block:* entrypoints/steps:*
        entrypoints/turn:* entrypoints/web:* store/bundle:* store/sealed:* store/untrusted:*
    """,
}
"""When what is loaded in a service and no campaign reaches runs: functions by module and name."""

if sys.version_info >= (3, 12):  # see `_CALLS_BUFFERS` there
    ELSEWHERE["never, under this Python"] = "core/snapshot:Plain* core/snapshot:_settle core/snapshot:_confirmed*"


def test_each_function_of_a_service_is_reached(tmp_path: Path) -> None:
    """A service loads no function that no campaign reaches, that only others call, or that has no excuse."""
    done = subprocess.run([sys.executable, "-m", "tests.safety.reaching", str(tmp_path)], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded, reached = map(set, json.loads(done.stdout))
    assert len(loaded & reached) > 800
    excuses = [how for hows in ELSEWHERE.values() for how in hows.split()]
    assert sorted(each for each in loaded - reached if not any(fnmatchcase(each, how) for how in excuses)) == []
    assert [how for how in excuses if not any(fnmatchcase(each, how) for each in loaded)] == []
