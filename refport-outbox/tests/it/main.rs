//! One behaviour suite on both databases, and what only one of them has.

mod behaviour;
mod cli;
mod cli_work;
mod clocks;
mod cluster;
mod database;
mod destinations;
mod fairness;
mod foreign;
mod leases;
mod mending;
#[cfg(feature = "metrics")]
mod metrics;
mod migrations;
mod moves;
mod occurred_at;
mod plan;
mod pools;
mod restart;
mod scripted;
mod stand_alone;
mod stopping;
mod trouble;
mod verdicts;

use database::Database;

/// Each behaviour as a test of its own on each database.
macro_rules! on_both {
    ($($module:ident :: $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                crate::$module::$name(crate::Database::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(database) = crate::Database::postgres().await {
                    crate::$module::$name(database).await;
                }
            })*
        }
    };
}

on_both! {
    behaviour::a_sale_is_delivered_once,
    behaviour::a_rollback_leaves_nothing,
    behaviour::a_repeat_is_a_duplicate_before_and_after_delivery,
    behaviour::another_event_under_the_same_key_is_an_error,
    behaviour::a_key_is_the_invoice_the_lead_or_the_callers,
    behaviour::what_is_certainly_refused_is_not_written,
    destinations::each_destination_has_its_own_row_and_click,
    destinations::what_is_due_is_found_behind_what_others_have,
    destinations::a_destination_without_its_click_is_left_out,
    destinations::a_conflict_of_one_destination_takes_the_others_back,
    behaviour::a_running_worker_hears_of_what_is_added,
    behaviour::many_at_once_are_each_there_once,
    behaviour::two_workers_share_the_work,
    mending::dead_letters_are_listed_and_replayed,
    mending::counts_tell_states_and_ages,
    mending::what_was_delivered_is_purged_after_its_time,
    migrations::migrations_are_our_own_and_can_meet,
    migrations::two_processes_may_make_the_tables_at_once,
    migrations::missing_tables_are_named,
    trouble::a_lost_answer_is_asked_for_again_and_counted_once,
    trouble::what_could_count_twice_is_not_sent_after_an_unclear_end,
    trouble::a_lead_is_repeated_where_it_counts_once,
    trouble::a_rate_limit_holds_all_back_and_costs_no_attempt,
    trouble::a_longer_wait_than_allowed_is_cut,
    trouble::a_wrong_key_pauses_loudly,
    trouble::a_pause_is_ended_by_hand,
    trouble::a_pause_of_a_worker_that_is_gone_is_ended_by_another,
    trouble::poison_blocks_no_other,
    trouble::nobody_earns_by_it_is_delivered,
    trouble::an_event_of_a_newer_version_waits_for_a_newer_worker,
    verdicts::a_poisoned_sale_beside_one_a_minute_delays_none_and_dies,
    verdicts::a_poisoned_sale_dies_whatever_its_answer,
    verdicts::a_poisoned_sale_among_many_delays_none_and_dies,
    verdicts::a_page_in_the_services_place_buries_nothing,
    verdicts::a_page_buries_nothing_by_workers_that_begin_anew,
    verdicts::each_answer_has_its_verdict,
    verdicts::what_could_count_twice_is_repeated_where_it_was_refused,
    verdicts::a_wrong_set_up_buries_few,
    verdicts::refusals_that_were_the_events_end_with_the_next_success,
    verdicts::a_destination_is_tried_with_what_counts_once,
    verdicts::what_failed_goes_behind_what_did_not,
    verdicts::a_rate_limit_costs_no_attempt_beside_others,
    fairness::an_event_that_always_fails_lets_new_ones_through,
    fairness::no_key_waits_for_ever,
    moves::an_event_is_in_one_table_at_each_step,
    moves::workers_that_meet_leave_each_event_in_one_table,
    leases::a_lease_that_is_over_marks_nothing,
    leases::a_lease_that_is_over_marks_nothing_by_itself,
    leases::the_shortest_lease_that_is_taken_is_enough_to_deliver,
    leases::what_a_dead_worker_held_is_taken_over,
    leases::an_idle_worker_takes_over_what_a_dead_worker_held,
    leases::what_a_dead_worker_perhaps_sent_is_not_sent_twice,
    leases::an_event_that_kills_its_workers_is_given_up,
    clocks::a_clock_that_jumps_back_prolongs_no_wait,
    clocks::a_clock_that_jumps_forward_loses_and_doubles_nothing,
    clocks::a_day_without_the_service_costs_nothing,
    occurred_at::what_says_no_time_happened_when_it_was_enqueued,
    occurred_at::each_of_many_has_its_own_time,
    occurred_at::what_says_when_it_happened_keeps_that,
    occurred_at::what_a_clock_that_is_ahead_enqueued_happens_now,
    occurred_at::the_same_event_is_a_duplicate_whenever_it_is_enqueued,
    occurred_at::two_times_that_were_given_are_two_events,
    occurred_at::what_was_stored_before_is_delivered_with_its_time,
    occurred_at::whoever_writes_the_row_may_say_when_it_happened,
    occurred_at::the_client_says_whether_its_service_is_told,
    stopping::a_worker_that_stops_finishes_what_it_began,
    stopping::a_worker_that_stops_waits_no_longer_than_it_may,
    stopping::what_is_enqueued_while_nobody_works_is_delivered_later,
    cli::status_counts,
    cli::dead_letters_are_listed_shown_and_replayed_by_command,
    cli::an_event_that_nobody_can_read_is_shown_as_it_is,
    cli::a_paused_destination_is_shown_and_resumed,
    cli::what_was_delivered_long_ago_is_purged_by_command,
    cli::missing_tables_are_made_by_command,
    cli_work::a_worker_stops_gracefully,
    cli_work::a_worker_drains_both_services,
    cli_work::a_worker_tells_what_it_does,
}
