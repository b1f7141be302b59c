"""The faults F1 to F51: what the twin does of each, which other test shows it, and what is not shown yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """`twin`: what a run counts when it happened; `tests`: PATH::FUNCTION; `lacks`: what nobody shows.

    What runs over HTTP count is in `OVER_HTTP`.
    """

    name: str
    twin: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    lacks: str = ""


E = "tests/engine/"
S = "tests/service/"
C = "tests/contract/suite.py::"

FAULTS: Mapping[int, Shown] = {
    1: Shown(
        "kill -9",
        ("kill",),
        (
            f"{E}test_crash_points.py::test_every_commit_and_write_to_tables",
            "tests/scenarios/test_kills.py::test_twenty_kills_end_as_no_kill_would",
        ),
    ),
    2: Shown(
        "a create's answer lost",
        ("fault lost", "fault lost_row"),
        (f"{E}test_lost_answers.py::test_a_create_whose_answer_is_lost_makes_one_record",),
    ),
    3: Shown(
        "and search hides the record",
        ("fault lost",),
        (f"{E}test_lost_answers.py::test_a_look_up_that_lags_is_waited_for",),
    ),
    4: Shown(
        "an update's answer lost",
        ("fault lost", "fault slow_answer"),
        (f"{E}test_lost_answers.py::test_an_update_whose_answer_is_lost_is_not_written_twice",),
    ),
    5: Shown(
        "a late write",
        ("fault late",),
        (f"{E}test_lost_answers.py::test_an_update_that_lands_after_a_newer_one_is_undone",),
    ),
    6: Shown(
        "webhooks twice, out of order, late, never",
        (),
        (f"{S}test_webhooks.py::test_twice_out_of_order_a_day_late_and_never",),
    ),
    7: Shown(
        "webhooks forged and malformed",
        (),
        (f"{S}test_webhooks.py::test_ten_thousand_that_must_not_be_believed_change_nothing",),
    ),
    8: Shown("ties of time stamps", ("bulk",), (f"{C}test_ties_larger_than_a_page",)),
    9: Shown("late visibility", ("late visibility",), (f"{C}test_late_commits_are_seen",)),
    10: Shown("edits during a page walk", ("edit",), (f"{C}test_edits_during_a_page_walk",)),
    11: Shown(
        "a change without its date",
        ("a change without its date",),
        (f"{E}test_reconcile.py::test_repair_asks_for_sweeps_that_find_what_capture_missed",),
    ),
    12: Shown("a page cut short", ("fault truncate", "quirk 14"), ()),
    13: Shown("the cursor is lost", ("fault cursor_lost",), ()),
    14: Shown("clocks", ("fault clock", "quirk 1", "quirk 7"), ()),
    15: Shown(
        "zones and dates",
        ("date", "instant"),
        ("tests/unit/test_types.py::test_an_instant_does_not_depend_on_its_offset",),
    ),
    16: Shown(
        "throttled, with an absurd wait",
        ("fault throttled", "fault long_wait"),
        (f"{E}test_pace.py::test_an_absurd_wait_ends_after_an_hour",),
    ),
    17: Shown(
        "another tool eats the quota",
        ("call within a quota",),
        (f"{E}test_quota.py::test_another_tool_that_eats_the_quota_is_followed",),
    ),
    18: Shown("partial batches, shuffled", ("fault lost_row",), (f"{C}test_one_bad_row_of_many",)),
    19: Shown("one poison row", ("fault poison_row",), ()),
    20: Shown("row locks", ("fault row_lock",), ()),
    21: Shown(
        "log-in revoked, another account",
        ("fault logged_out",),
        (f"{S}test_login_lost.py::test_a_log_in_of_another_account_is_not_worked_with",),
    ),
    22: Shown(
        "a hidden field",
        ("fault unseen_field",),
        (
            f"{E}test_drift_memory.py::test_the_version_of_a_read_that_leaves_out_a_field_is_none_to_compare_with",
        ),
    ),
    23: Shown(
        "a field that changes",
        ("fault lost_field",),
        (f"{E}test_drift_memory.py::test_a_refused_field_is_noticed_by_a_write",),
    ),
    24: Shown("the system rewrites our value", ("edit",), ("tests/sim/test_linkmachine.py",)),
    25: Shown(
        "an automation answers",
        ("automation",),
        (f"{E}test_rewritten.py::test_two_rules_that_fight_are_stopped_and_both_named",),
    ),
    26: Shown("edits of different fields", ("edit",), ("tests/sim/test_linkmachine.py",)),
    27: Shown("edits of one field", ("edit",), ("tests/sim/test_every_order.py",)),
    28: Shown(
        "edit against delete",
        ("delete",),
        (f"{E}test_deletes.py::test_edit_against_delete_asks_and_keeps_both",),
    ),
    29: Shown(
        "an empty side", ("fault empty_side",), (f"{E}test_deletes.py::test_an_emptied_side_deletes_nothing",)
    ),
    30: Shown(
        "a crash in a sweep",
        ("kill",),
        (f"{E}test_crash_points.py::test_before_every_commit_and_around_every_read",),
    ),
    31: Shown(
        "a mass change",
        ("held update released", "held update discarded", "held delete released"),
        (
            f"{E}test_update_brake.py::test_a_mass_change_is_held_until_it_is_released",
            f"{E}test_deletes.py::test_delete_brake_holds_names_and_releases",
        ),
    ),
    32: Shown("merges", ("merge",), (f"{E}test_merges.py::test_two_records_that_are_one_join",)),
    33: Shown(
        "a restore",
        ("restore",),
        (f"{E}test_merges.py::test_a_restore_after_a_delete_brings_the_same_link_back",),
    ),
    34: Shown(
        "a conversion",
        ("convert", "convert into another"),
        (f"{E}test_merges.py::test_a_lead_becomes_a_contact",),
    ),
    35: Shown(
        "references",
        (
            *("move", "references in a circle", "reference to itself", "reference to who takes no part"),
            *("reference attached later", "reference said once"),
        ),
        (f"{E}test_two_objects.py::test_references_find_their_target_in_either_object",),
    ),
    36: Shown("forms of ids", ("quirk 22",), ()),
    37: Shown("duplicates in one system", ("typed twice in one system",), ()),
    38: Shown(
        "the store fails",
        (
            *("store lost", "store lost_after", "store full", "store read_only", "store deadlock"),
            *("store away", "store old_backup", "daemon ended with its store"),
        ),
        (f"{S}test_daemon.py::test_it_stops_when_another_takes_the_store",),
    ),
    39: Shown(
        "two daemons",
        ("stall", "takeover from a live daemon", "daemon fenced", "daemon waited in vain"),
        ("tests/store/test_lease.py::test_a_stalled_holder_is_fenced_after_its_lease_ran_out",),
    ),
    40: Shown(
        "an orderly stop, a store of before",
        ("orderly stop",),
        (f"{S}test_daemon.py::test_it_syncs_both_ways_tells_about_it_and_stops_at_once",),
        "a store of an earlier release: there is none yet",
    ),
    41: Shown(
        "a reload", (), (f"{S}test_reload.py::test_under_load_nothing_is_lost_and_nothing_is_made_twice",)
    ),
    42: Shown(
        "a connector hangs or fails",
        ("fault hangs", "fault raises"),
        (f"{S}test_daemon.py::test_a_loop_that_fails_is_named_and_all_else_goes_on",),
    ),
    43: Shown(
        "great numbers",
        ("swell", "fill"),
        ("tests/bench/first_sync.py",),
        "values of 10 MB and 1,000 fields: the twin has 1 MB and 400",
    ),
    44: Shown(
        "six hours off",
        ("fault away",),
        (f"{E}test_outages.py::test_an_outage_with_many_edits_keeps_one_row_per_copy",),
    ),
    45: Shown("an undo", (), (), "there is no `revert` yet; its judge (I11) is ready"),
    46: Shown("replay", (), ("tests/replay/test_runs.py",)),
    47: Shown("erasure", (), (), "there is no `erase` yet"),
    48: Shown(
        "canaries",
        ("line of the log",),
        (
            f"{S}test_redact.py",
            f"{S}test_daemon.py::test_its_log_says_what_runs_where_and_holds_neither_secrets_nor_persons",
        ),
        "metrics, in the twin: their labels are names of the configuration only",
    ),
    49: Shown("hostile values", ("hostile value",), (f"{C}test_texts_come_back_as_sent",)),
    50: Shown("a record that never succeeds", ("fault poison_row", "parked bad_row"), ()),
    51: Shown(
        "a parent's delete takes its children",
        ("cascade by syncd", "cascade by person"),
        (f"{E}test_deletes.py::test_children_that_vanish_with_our_delete_spread_nothing",),
    ),
}

Keys = Mapping[int, tuple[str, ...]]
TWIN: Keys = {number: shown.twin for number, shown in FAULTS.items()}
OVER_HTTP: Keys = {
    1: ("kill",),
    2: ("fault lose_answer", "fault error_after", "fault hang_answer"),
    3: ("fault hide_new",),
    4: ("fault lose_answer", "fault drop"),
    5: ("fault late_commit",),
    6: ("quirk webhook_duplicate", "quirk webhook_reorder", "quirk webhook_delay", "quirk webhook_drop"),
    7: (
        *("fault hook_forged", "fault hook_unsigned", "fault hook_stale", "fault hook_replayed"),
        *("fault hook_huge", "fault hook_malformed"),
    ),
    12: ("fault empty_page", "fault short_page", "fault lose_next", "fault cut_body", "fault wrong_json"),
    13: ("fault cursor_expired",),
    16: ("fault rate_limited",),
    18: ("fault partial", "fault shuffle", "fault fewer"),
    20: ("fault row_lock",),
    21: ("fault unauthorized", "fault forbidden"),
}
"""By fault: what a run over HTTP counts when it happened."""


def sometimes(keys: Keys) -> list[str]:
    """What happens in some run of a long enough row of seeds."""
    return sorted({key for told in keys.values() for key in told})


SOMETIMES = sometimes(TWIN)


def never(happened: Mapping[str, int], keys: Keys = TWIN) -> list[str]:
    """What of `sometimes` did not happen, with the faults that it stands for."""
    return [f"{key} ({_of(key, keys)})" for key in sometimes(keys) if not happened.get(key)]


def _of(key: str, keys: Keys) -> str:
    return ", ".join(f"F{number}" for number, told in keys.items() if key in told)


def files(shown: Iterable[Shown]) -> list[tuple[str, str]]:
    """(path, function or nothing) of every test that is named."""
    found = [test.partition("::") for each in shown for test in each.tests]
    return [(path, function) for path, _, function in found]
