"""What is loaded in a service and no campaign of faults reaches: when it runs, function by function."""

from __future__ import annotations

import sys
from importlib.util import find_spec

ELSEWHERE = {
    "as it starts: `init`, decorators, what patches a module that is imported": """
        boundaries/__init__: install
        boundaries/call: CallBoundary.describe CallBoundary.install _arrive _async_generator _generator _told
        boundaries/clock: ClockBoundary.install
        boundaries/completed: _patch _tap _tap.<locals>.at_once install
        boundaries/environ: EnvironBoundary.begin EnvironBoundary.playing _Playing.__enter__ _Playing.__exit__
            _Playing.__init__ _Playing.again _compiled _set _settable allowed apply configure recorded
        boundaries/handled: _listen_to_django _listen_to_flask _listen_to_quart _said_by_quart _told
            _told.<locals>.told _watch _watch_aiohttp _watch_below_middleware _watch_django _watch_falcon
            _watch_starlette _watched install
        boundaries/http/__init__: HttpBoundary.install
        boundaries/http/httpx_clients: _Seam.head _Seam.play _patch
        boundaries/http/jars: _around install patch
        boundaries/http/wire: _around_getresponse _around_putrequest _around_send _swap install patch
        boundaries/http/wire_pools: install
        boundaries/interpreter: variables
        boundaries/libraries: _tap _tap.<locals>.find_library _tap_distro _unasked
            _unasked.<locals>.info install
        boundaries/locks: _install
        boundaries/model: Model.prediction model model.<locals>.decorate predict
        boundaries/random: RandomBoundary.install _Untapped.seed _patch_random _patch_system
        boundaries/seam: Seam.__init__ Seam.playing _Awaited.__init__ when_imported
        boundaries/stream: following
        boundaries/threads: _start_apart _start_apart.<locals>.run _tap_anyio _tap_start _tap_submit
            _tap_telling install
        boundaries/unrecorded: _put _shown _tap _tap_class describe install
        boundaries/uuid_draws: tap_uuid tap_uuid_utils.<locals>.its_own
        boundaries/waits: _tap_bare _tap_bare.<locals>.start _tap_bare.<locals>.start.<locals>.act _tap_join
            _tap_join.<locals>.join _tap_wait _tap_wait.<locals>.wait install
        core/behind: notes_errors
        core/families/seen: _attributes _made_address _placed
        core/naming: module_name
        core/parameters: _codes _is_harmless _passes_on _steps
        core/policy: Policy.__init__ Policy.decide Policy.is_act
        core/redaction/alike: _table
        core/redaction/commands: _at_its_start _option
        core/redaction/finding: is_of_one_line
        core/redaction/patterns: _at_words _by_letter
        engine/keep: Trigger.__and__ Trigger.__call__ Trigger.__init__ Trigger.__or__ Trigger.__repr__ _grouped
            _name_of _number always never on_error sample score_below score_below.<locals>.test slower_than
            status_at_least test_of
        engine/load: Load.__init__
        engine/remembering: Memory.__init__
        engine/recorder: Settings.__post_init__ configure
        engine/redaction: Redacting.__init__
        entrypoints/asgi: ASGI.__init__
        entrypoints/aws_lambda: Context.__init__ Context.get_remaining_time_in_millis _given aws_lambda
        entrypoints/celery: _flush _within
        entrypoints/function: _awaited _awaited_outcome _awaited_outcome.<locals>.work _called _cancelled_after
            _arguments _innermost _leave _left run_function
        entrypoints/methods: _class_of _is_below _kind_of _owner _resolved is_method with_object
        entrypoints/naming: callers global_name
        entrypoints/web: Wrapper.__init__
        entrypoints/wsgi: WSGI.__init__
        errors: Refused.__init__ Refused.__reduce__
        store/bundle: default_producer
        store/looked: Looked.__init__ Looked._start Looked.find Looked.forget Looked.keep
        store/native: _original
        store/sealed: _recipient
        store/tables: BodiesIn.__init__ BodiesIn._open BodiesIn.get Columns.derived Columns.plain Columns.read
            Columns.shapes Source.__init__ Source.value _derived _flag _flag.<locals>.read _one_of
            _one_of.<locals>.read _plain _read_outcome _structured _structured.<locals>.read _texts
            _texts_or_none _unpacked _value _value_or_none _value_or_none.<locals>.read check_derived
            check_types damaged from_row read_value_gaps schema
        surfaces/config: _config _is_redaction _nearest _path _places _read _section bounded compared load
            load_redaction
        surfaces/init: _LogHandler.attach _check _patch _round flush init install replaying.__enter__
            replaying.__exit__ stats
        surfaces/metrics: _register _register.<locals>.dropped _register.<locals>.of
            _register.<locals>.recordings observe
        surfaces/redaction: _chosen key_of of
    """,
    "as it ends or forks, where no thread may start, as it is asked": """
        engine/load: Load.round
        entrypoints/asgi: _flushed
        store/ending: _after_fork _at_exit _before_fork _begin_worker _hear_sigterm _is_worker _leave_flushed
            _leave_pipe _nudge _nudge_on_sigterm _on_sigterm _put_back _unblock _unseen flush_all hear_sigterm
        store/forking: _before _in_child _in_parent
        store/spool: Spool._work_here Spool.close Spool.hurry Spool.in_child Spool.stats
        store/writer: Writer.evicted
    """,
    "what a guard does": """
        boundaries/threads: _not_started
        core/world: failed put_back
        store/writer: Writer.drop _words_of
    """,
    "called by a client or the interpreter itself, in a way that no unit has": """
        boundaries/http/aiohttp_client: _TeeWriter.__getattr__ _TeeWriter.write_eof
        boundaries/http/httpx_clients: _upload.<locals>.Upload.aclose _upload.<locals>.Upload.close
        boundaries/random: _OsForUuid.__getattr__
        core/looking: assign
        core/snapshot: _Loader.find_class
        engine/recorder: Recorder.beyond Recorder.reads
        entrypoints/web: Wrapper.__getattr__ Wrapper.__setattr__
    """,
    "at the writer, in forms that no unit has: all of it is within one guard, `Writer._settled`": """
        boundaries/http/bodies: _inflated
        core/behind: apart says_nothing
        core/codec: Unsettled.size _is_crowded
        core/families/mapped: _set
        core/families/stated: _message _plain _row
        core/left: _Returned.settle
        core/redaction/redactor: _parts
        core/redaction/sweep: Sweep._shifted
        core/snapshot: Exact.item Plain.item _array
        engine/budget: Cut.settle
        engine/captured: Captured.note
        entrypoints/turn: Joined.gap Joined.size
    """,
    "at replay, or where a bundle is read": """
        boundaries/clock: ClockBoundary.describe ClockBoundary.playing _Clock.__init__ _Clock._shift
            _Clock.advance _Clock.back_to _Playing.__enter__ _Playing.__exit__ _Playing.__init__
            _Playing._leave_zone _Playing.again _checked _is_zone _parts _set_zone _settings begin linger move_to
            near now pauses recorded_zone shift stood wait waited
        boundaries/__init__: known
        boundaries/call: _arrive.<locals>.beyond _opened
        boundaries/http/__init__: HttpBoundary.describe HttpBoundary.playing HttpBoundary.shelf
            _LazyCassette.__init__ _LazyCassette.cassette _LazyCassette.differences _LazyCassette.noted
            _LazyCassette.refusal _LazyCassette.take
        boundaries/http/aiohttp_client: _Sink.__getattr__ _Sink.__init__ _Sink.drain _Sink.write _Sink.write_eof
            _drained _of_request _played _silent
        boundaries/http/exchange: HttpRequest.repeats _opened
        boundaries/http/bodies: with_repeats with_repeats.<locals>.object_of
        boundaries/http/limits: _shorter is_own
        boundaries/http/faults: _allowed _answered _connector _instance _module _of _response rebuild
        boundaries/http/httpx_clients: _Seam.arrived _played.<locals>.Played.__aiter__ _played.<locals>.Played.is_easy
            _played.<locals>.Played.__init__ _played.<locals>.Played.__iter__ _played.<locals>.Played._take
            patch_again
        boundaries/http/recorded: Recorded.__init__ Recorded.again Recorded.arrive Recorded.body_error
            Recorded.cancelled Recorded.clean Recorded.head_error Recorded.is_read_in Recorded.offset
            Recorded._answers Recorded._due Recorded._outlasted Recorded.hold_to Recorded.pass_to Recorded.travels
            Recorded.wait_for_cancel _bound _pace
        boundaries/http/stored: Made.__init__ Made.keep Made.of Requested.__init__ Requested.has_headers
            answered requested
        boundaries/http/wire: Refusing.__init__ _collected _go_out _put _raise_early _reached _verified _went_out
            patch_again refuse
        boundaries/http/wire_replay: FakeSocket.__init__ FakeSocket._expecting FakeSocket.fileno
            FakeSocket.getpeercert FakeSocket.gettimeout FakeSocket.makefile FakeSocket.send
            FakeSocket.settimeout Play.__init__ Play._serve Play._serve.<locals>.come Play.ask WireReader.__init__
            WireReader._wait WireReader.readinto
            _framed _ready _silent wire_of
        boundaries/http/wire_tee: collect
        boundaries/locks: Lock.__class__ Lock.__enter__ Lock.__exit__ Lock.__new__ Lock.__repr__
            Lock._at_fork_reinit Lock.acquire Lock.release RLock.__enter__ RLock.__exit__ RLock.__init__
            RLock.__repr__ RLock._acquire_restore RLock._release_save RLock.acquire RLock.release
            SimpleQueue.__new__ SimpleQueue.get SimpleQueue.get.<locals>.take SimpleQueue.put
            SimpleQueue.put_nowait _Original.__instancecheck__ _acquired _here _is_limit _is_wanted _make_rlock
            _until _wake enter leave
        boundaries/moments: Gate.__init__ Gate.acquire Gate.release Gate.shut Pool.__init__ Since.__init__
            Wait.__init__
        boundaries/order: Order.__init__ Order._advance Order._busy Order._come Order._due Order._event
            Order._first_ready Order._give_up Order._goes_on Order._is_first Order._is_raced Order._is_stuck
            Order._is_unsure Order._keep
            Order._next Order._number Order._reach Order._runs Order._set_wall Order._steps_on Order._turn
            Order._unsure Order._watch Order.near _somebody_tells _stack whole_second
        boundaries/random: RandomBoundary.describe
        boundaries/resting: _computes cpu_of_others somebody_runs
        boundaries/stream: _Played.__init__ _Played._compare _Played.end _Played.hears _Played.over played
            played_async
        boundaries/threads: _Job.__call__ _Job.__init__ _Job._become _Job._hold _Job.submitted
            _Job.submitted.<locals>.held_and_begun _Job.submitted.<locals>.tell_and_end _acting _acting.<locals>.act
            _is_refusal
        boundaries/timeline: Timeline.begin Timeline._happened Timeline._interrupt Timeline._is_alone Timeline._rung
            Timeline._take_turn Timeline.add Timeline.after Timeline.block Timeline.close Timeline.compute
            Timeline.count Timeline.creep Timeline.elapsed Timeline.enter Timeline.given_up Timeline.has_main
            Timeline.has_strangers Timeline.is_actor Timeline.is_later Timeline.is_over Timeline.leave
            Timeline.linger Timeline.move_to Timeline.not_started Timeline.now Timeline.number Timeline.pool
            Timeline.read Timeline.restart Timeline.ring Timeline.set_alarm Timeline.shift Timeline.since
            Timeline.sleep Timeline.spared Timeline.stood Timeline.waited Timeline.standing Timeline.starting
            Timeline.turn Timeline.unsure Timeline.wall _stuck
        boundaries/standing: _first_of _running _task_of stack_here stack_of stack_of_thread stack_of_timer
        boundaries/waits: _end _executor_of _join_worker _join_worker.<locals>.is_over _of_now
            _of_now.<locals>.text _place_in_sets _reader _reader.<locals>.read _starts_a_thread ended
            is_real_time nanoseconds started woken woken.<locals>.fire woken.<locals>.ready
        core/choosing: counts is_told says_whose
        core/encoder: writes
        core/decoder: Decoder.class_of Decoder.key Decoder.mapping Decoder.members Decoder.stand_in _identified
            _opaque _parts _referred _truncated _weight exactly items_of
        core/families/anew: _is_usual _make_asyncio _make_httpx _make_lock _make_logger _make_requests _make_sdk
            _read_asyncio _read_httpx _read_requests _read_sdk _retries make
        core/families/arrays: _read_masked _read_objects _read_scalar
        core/families/connecting: _answered _is _shown _unconnected told
        core/families/containers: _read_default _read_deque _read_set _read_space _whole fill
        core/families/errors: _bare _bound _class_of _fill _maker _nearest _read _told known_class
        core/families/frames: _dtype _read_column _read_frame _read_index _read_interval _read_missing
            _read_period _read_series _read_timedelta _read_timestamp
        core/families/mapped: _detach _read_mapped _read_row
        core/families/objects: Missing.__call__ Missing.__getattribute__ Missing.__init__ Rebuilding.__init__
            Rebuilding._is_whole Rebuilding._left_out Rebuilding.fields Rebuilding.missing Rebuilding.stand_in
            Rebuilding.touch Rebuilding.used Unkept.__eq__ Unkept.__format__ Unkept.__getattribute__ Unkept.__init__
            Unkept.__ne__ Unkept.__repr__ _Asked.__init__ _Asked.closed _Asked.touch _numbers _read_anew
            _read_class _read_object _used _write_missing is_whole rebuilt receiver_of
        core/families/records: _fill _read_enum _read_namedtuple _read_record _read_record.<locals>.read
            _read_subclass _real_struct _same fill_pydantic
        core/families/scalars: _float _int _opaque _read_bytearray _read_datetime _read_fraction _read_path
            _read_range _read_time _read_timezone _read_zone _truncated
        core/families/seen: _bytes _made_address.<locals>.make _made_array _placed.<locals>.make kept parts_of
        core/families/stated: _absent _derived _read_items _read_message _read_row _read_state _read_text asked_by
            is_answer
        core/families/statuses: restore
        core/families/validation: _detail made
        core/left: filled has_left is_left is_noted opened put_back returned
        core/looking: loaded
        core/opened: Opened.__init__ Opened._known Opened._open Opened._tagged Opened.close Opened.tree _refers
            _size children named
        core/raising: _chain throw
        core/notes: without_notes
        core/recording: Outcome.decode Outcome.value turns_of
        core/redaction/marks: is_like places_of
        core/redaction/own: _agree _becomes _differs_in _encodes _holds _of_many _pseudonyms _redacted _rewritten
            holds_pseudonym stands_for
            stands_for.<locals>.may_stand
        core/redaction/redactor: Redactor.find Redactor.find_in Secret.excerpt
        core/redaction/shown: _is_word _of_one_sort is_one_of put_back words_of
        core/standins: Opaque.__hash__ Record.__eq__ Record.__getattr__ Record.__getitem__ Record.__hash__
            Record.__init__ Record.__iter__ Record.__repr__ Record.__setattr__ Truncated.__hash__ made_class
        core/surroundings: Environ.__init__ Environ.write Timing.__init__ Timing._jump Timing._set_back
            Timing.write Zone.__init__ Zone.write is_yielded paced
        core/verdict: Verdict.green Window.of Window.parts Window.shown
        core/world: Answer.open _unkept occupant occupy
        engine/earlier: Remembered.name _numbered _read _remembered dropped earlier is_all_from_before is_from_before
            is_kept_by_process kept_by_now left_out may_be_dropped remembered was_recalled
        engine/entropy: chosen
        engine/lanes: Lanes.start_here _Jobs.__init__ _Lane.hold numbering
        engine/memory: is_used_up limit limited size
        engine/steps: InOrder.__init__ InOrder._last InOrder.at InOrder.hold overlapping stepped steps_of
        engine/targets: Targets.__init__ Targets._import Targets._is_ours Targets.load Targets.resolve _absolute
            _held _is_dotted _is_listed _is_marked _is_under _resolved
        engine/user_code: UserCode.__init__ UserCode.asking UserCode.outward UserCode.standing is_machinery is_ours
            library_of place user_code
        entrypoints/__init__: _are _as_deep _as_deep.<locals>.limited _counted _depth _frames
        entrypoints/block: _await _called run_block
        entrypoints/steps: _by_position _limit replayed replayed_async
        entrypoints/turn: _drive_into _started describe drive instead others_go_on require_whole settle whole_input
        surfaces/init: listen
        entrypoints/web: Name.__init__ Pieces.__init__ Pieces.beyond Pieces.check Response.replayed
        store/bundle: Bundle.__contains__ Bundle.__getitem__ Bundle.__init__ Bundle.__iter__ Bundle.__len__
            Bundle.__repr__ Bundle._about Bundle._bodies Bundle._bodies.<locals>.fetch Bundle._database
            Bundle._following Bundle._load Bundle._parts Bundle._positions Bundle._query Bundle._read Bundle.close
            Bundle.created
            Bundle.database Bundle.export Bundle.ids Bundle.producer Bundle.resolve Bundle.rows _inline
            _length holds_sealed open_bundle
        store/sealed: _decrypted _verified _wanted is_sealed unsealed
        store/untrusted: Guarded.__del__ Guarded.__init__ Guarded._fill Guarded.copy Guarded.query
            _Deadline.__init__ _Deadline.passed _Deadline.renew _authorize _brief _expected _normal _normalized
            _read_regular _statements check_header check_header.<locals>.number check_schema forget open_guarded
            read_bytes refusing
        errors: moved
        store/durable: check_folder
        surfaces/config: code_words
    """,
}
"""Reason -> modules, each with its functions."""

if sys.version_info >= (3, 12):  # see `_CALLS_BUFFERS` in `core/snapshot`
    ELSEWHERE["never, under this Python"] = """
        core/snapshot: Plain.settle Plain.size PlainCall.seen PlainCall.settle PlainCall.size _confirmed
            _confirmed_bytes _settle
    """

if sys.version_info >= (3, 13):  # see `boundaries/completed`
    ELSEWHERE["never, under this Python"] += "boundaries/completed: _tap.<locals>.lazily"

if find_spec("re2") is not None:
    ELSEWHERE["never, beside google-re2"] = "core/redaction/finding: _blows_up"


def excused() -> list[str]:
    """All of them, as `module:name`."""
    found, module = [], ""
    for word in " ".join(ELSEWHERE.values()).split():
        if word.endswith(":"):
            module = word
        else:
            found.append(module + word)
    return found
