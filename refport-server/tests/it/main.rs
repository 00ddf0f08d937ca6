//! The server as its callers see it: the router in process, on a database of its own. One suite, on
//! both databases.

mod api;
mod cli;
mod database;
mod dialects;
mod errors;
mod harness;
mod idempotency;
mod link;
mod portal;
mod rewards;
mod servers;

use database::On;

/// Each behaviour as a test of its own on each database.
macro_rules! on_both {
    ($($module:ident :: $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::$module::$name(crate::On::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(on) = crate::On::postgres() {
                    crate::$module::$name(on).await;
                }
            })*
        }
    };
}

on_both! {
    api::commissions_come_in_pages_newest_first,
    api::partners_come_with_their_links,
    api::a_customer_comes_with_their_events,
    api::one_workspaces_key_does_not_see_another,
    api::health_needs_no_key,
    dialects::refport_sale_as_documented,
    dialects::refport_sale_with_the_least_it_needs,
    dialects::refport_lead_as_documented,
    dialects::a_lead_whose_link_is_gone_is_null,
    dialects::partli_sale_as_documented,
    dialects::partli_events_that_pay_nobody_are_no_error_and_use_up_nothing,
    dialects::a_partli_renewal_without_a_click_pays_the_customers_partner,
    dialects::a_partli_lead_and_its_sale_are_one_customer,
    dialects::one_invoice_is_one_sale_in_both_dialects,
    dialects::blank_optional_fields_are_absent,
    dialects::two_people_on_one_click_stay_two_customers,
    errors::an_unknown_click_is_its_own_code,
    errors::an_expired_click_makes_no_first_attribution,
    errors::wrong_fields_are_named,
    errors::partlis_wrong_fields_are_named_in_its_own_envelope,
    errors::what_is_no_json_object_is_said_so,
    errors::a_missing_wrong_or_revoked_key_is_unauthorized_in_the_bodys_dialect,
    errors::too_many_requests_are_told_when_to_come_back,
    errors::every_other_error_is_json_too,
    errors::a_broken_database_is_an_internal_error_without_details,
    errors::embed_token_errors_are_documented_ones,
    errors::a_header_that_is_not_text_is_no_key,
    idempotency::fifty_equal_posts_at_once_are_one_sale,
    idempotency::a_replay_after_a_restart_gives_the_first_answer,
    idempotency::a_replay_answers_the_first_whatever_has_changed_since,
    idempotency::a_failed_first_attempt_does_not_block_a_later_right_one,
    idempotency::without_an_invoice_every_post_is_a_sale,
    idempotency::a_refport_lead_repeats_by_customer_and_event_name,
    idempotency::a_partli_lead_repeats_by_its_external_id_apart_from_sales,
    idempotency::a_zero_amount_does_not_use_up_its_invoice,
    idempotency::a_leads_replay_is_the_first_answer_under_another_public_url_too,
    link::a_visitor_is_recorded_and_sent_on_with_the_click,
    link::a_link_that_a_browser_loads_ahead_is_no_click_until_it_is_followed,
    link::every_click_is_its_own,
    link::bots_are_counted_apart_and_get_an_id_like_everybody,
    link::a_person_right_after_a_crawler_is_a_person,
    link::an_unknown_key_is_a_page_for_people,
    link::a_click_that_cannot_be_written_does_not_hold_the_visitor_and_its_sale_counts,
    link::a_served_click_keeps_a_salted_hash_of_the_address_and_no_address,
    portal::a_partner_sees_their_own_numbers_and_link,
    portal::a_wrong_or_old_token_is_told_to_the_page_around,
    portal::an_unknown_partner_is_made_and_gets_a_link,
    portal::selectors_go_by_enrollment_then_tenant_then_address,
    portal::custom_properties_reach_the_style_sheet_and_cannot_leave_it,
    portal::one_tenant_never_gets_another_tenants_partner,
    rewards::settings_that_cannot_be_are_refused_with_a_reason,
    rewards::all_eight_steps_together,
    rewards::the_first_attribution_stays,
    rewards::the_groups_reward_goes_before_the_programs,
    rewards::a_group_without_a_reward_earns_the_programs,
    rewards::one_time_pays_once_a_customer_whoever_the_partner_is,
    rewards::recurring_ends_after_its_months_counted_from_the_first_commission,
    rewards::what_earns_nothing_is_a_sale_without_a_commission,
    rewards::a_flat_sum_is_paid_in_the_programs_currency_only,
    rewards::a_changed_reward_leaves_what_was_earned,
    rewards::a_groups_lead_reward_is_paid_once_a_customer,
}

/// What SQLite alone has: a file to look into, and one lock for all who write.
mod sqlite_alone {
    use crate::{On, link, portal};

    #[tokio::test]
    async fn neither_tokens_nor_keys_are_in_the_database() {
        portal::neither_tokens_nor_keys_are_in_the_database(On::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_busy_database_does_not_hold_the_visitor_and_loses_no_click() {
        link::a_busy_database_does_not_hold_the_visitor_and_loses_no_click(On::Sqlite).await;
    }
}

/// What Postgres alone has: locks by table, and several servers.
mod postgres_alone {
    use crate::{On, servers};

    macro_rules! on_postgres {
        ($($name:ident),* $(,)?) => {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(on) = On::postgres() {
                    servers::$name(on).await;
                }
            })*
        };
    }

    on_postgres! {
        a_locked_table_is_told_within_seconds_and_nothing_is_lost,
        locked_clicks_wait_and_are_counted,
        a_lead_and_a_sale_of_one_address_at_two_servers_are_one_customer,
    }
}
