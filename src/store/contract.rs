//! The contract of a store: what every backend must do, as tests.
//!
//! A backend implements [`Ground`] and names itself once in [`store_contract!`], which makes
//! a test of every function that is listed there. Nothing here knows a backend.

pub mod accounts;
pub mod api_keys;
pub mod audit;
pub mod changes;
pub mod channels;
pub mod dedup;
pub mod idempotency;
pub mod invites;
pub mod journal;
pub mod members;
pub mod messages;
pub mod microdaos;
pub mod model;
pub mod moderation;
pub mod positions;
pub mod receptions;
pub mod samples;
pub mod scheduled;
pub mod service_tokens;
pub mod sessions;
pub mod subscriptions;
pub mod trim;
pub mod webhooks;

use async_trait::async_trait;

use super::Store;

/// A place where a store can be opened, closed, killed and opened again.
#[async_trait]
pub trait Ground: Send + Sync {
    /// Opens the store of this place, which must not be open.
    async fn open(&self) -> Store;

    /// Ends an open store as a kill of the process would, and opens it again: only what was
    /// durable need be there.
    async fn kill(&mut self, store: Store) -> Store;

    /// Closes a store and opens it again.
    async fn reopen(&self, store: Store) -> Store {
        store.closer.close().await;
        drop(store);
        self.open().await
    }
}

/// Makes a module with a test of every part of the contract.
macro_rules! store_contract {
    ($name:ident, $make:expr) => {
        $crate::store::contract::store_contract!(@tests $name, $make;
            journal: events_come_back_in_order, every_kind_of_event_round_trips,
                reading_is_bounded, empty_append_changes_nothing, skipped_are_counted_and_the_latest_kept,
                appends_of_many_callers_are_all_there,
                an_append_rings_though_its_caller_has_gone;
            trim: trim_drops_only_old_ones, trim_waits_for_the_index, trim_is_bounded_a_call,
                what_waits_is_trimmed_too,
                seq_goes_on_after_everything_was_trimmed;
            dedup: a_repeated_transaction_does_nothing, an_event_in_two_transactions_is_kept_once,
                an_event_twice_in_one_append_is_kept_once, events_without_id_are_never_repeats,
                what_has_no_id_is_known_by_its_transaction,
                repeats_are_known_after_reopening, repeats_are_known_after_a_kill,
                repeats_are_known_after_the_index_met_them, repeats_are_known_after_clearing,
                forgotten_events_may_come_again, old_transactions_are_forgotten_their_events_are_not;
            channels: a_channel_is_created_and_found, a_channel_again_is_refreshed,
                a_channel_moves_with_its_room,
                a_second_channel_for_a_room_is_passed_over, an_alias_leads_to_one_channel,
                changes_apply_by_their_own_time, the_latest_join_rule_stands,
                the_latest_levels_stand_and_creators_stay,
                levels_of_a_room_that_was_left_count_no_more,
                what_was_said_goes_when_a_channel_is_encrypted, one_default_room,
                the_latest_default_room_is_the_one_in_any_order, an_unknown_channel_is_named,
                what_an_unknown_channel_said_may_come_again;
            messages: pages_run_both_ways, pages_are_bounded, pages_begin_at_a_time, cursors_hold_while_messages_arrive,
                an_unknown_cursor_is_no_page, order_is_time_then_event_id, a_message_round_trips,
                activity_is_the_newest_message, a_message_again_changes_nothing,
                a_message_read_again_with_another_time_is_there_once;
            changes: edits_follow_the_rules, a_deletion_is_final, edits_before_their_message_wait,
                deletions_before_their_message_wait, no_channel_changes_anothers_messages,
                an_edit_that_is_taken_back_is_not_shown, only_what_is_shown_can_be_taken_back;
            receptions: reactions_are_counted_and_listed, the_same_reaction_twice_counts_once,
                what_comes_of_a_message_is_the_same_in_any_order, no_channel_reacts_in_another,
                threads_are_counted_and_listed, pages_of_threads_hold, a_later_list_of_pins_stands,
                what_comes_of_messages_is_made_anew, reactions_go_when_a_channel_is_encrypted,
                what_never_came_is_forgotten, surveys_go_with_the_known_events;
            members: members_are_paged_by_user, a_later_change_wins, memberships_of_a_user,
                those_who_left_are_asked_for, who_knocks_is_apart, members_are_counted;
            moderation: mutes_outlive_a_kill, a_turn_is_waited_for;
            positions: applying_is_idempotent, messages_may_be_taken_over_with_their_append, left_out_events_are_refused, rows_and_position_stay_together,
                a_cleared_index_is_made_anew, a_rebuild_is_remembered,
                a_journal_without_its_beginning_is_not_read_again, nothing_acknowledged_is_lost_by_a_kill,
                a_watermark_outlives_a_replay_but_not_forgotten_events, closed_is_unavailable;
            accounts: agents_are_unique, an_agent_is_updated, creations_are_unique_by_alias,
                accounts_outlive_a_kill, operators_are_unique_by_name, a_new_password_ends_the_sessions;
            idempotency: a_named_request_is_begun_once, named_requests_are_forgotten_in_time,
                named_messages_are_known_by_their_senders;
            audit: records_follow_each_other_over_a_kill, records_are_filtered_and_paged,
                trimming_keeps_the_last_and_its_hash, origins_are_kept_until_they_are_read,
                a_deed_is_kept_with_what_was_done_or_not_at_all;
            scheduled: scheduled_messages_outlive_a_kill, of_two_who_change_one_the_first_counts,
                what_is_put_off_is_in_nobodys_way, what_is_past_use_is_forgotten,
                of_very_many_some_are_forgotten_at_a_time;
            invites: links_outlive_a_kill, ended_links_go_with_the_next, a_link_lets_in_as_many_as_it_is_for, who_could_not_come_is_not_counted,
                a_link_is_removed_with_its_uses;
            microdaos: microdaos_are_kept_by_id;
            sessions: a_session_is_found_until_it_ends, a_token_is_replaced_once, the_oldest_sessions_make_room,
                expired_sessions_are_dropped, sessions_and_keys_outlive_a_kill,
                the_sessions_of_a_holder_are_listed_and_ended, when_somebody_was_last_here_is_kept,
                signing_keys_are_replaced_and_forgotten;
            api_keys: keys_outlive_a_kill, a_key_is_removed_once, the_last_use_of_a_key_is_kept;
            service_tokens: tokens_outlive_a_kill, a_service_has_one_token_that_counts, a_token_is_revoked_once, the_last_use_of_a_token_is_kept;
            subscriptions: subscriptions_are_kept, a_position_never_goes_back, the_slowest_holds_the_journal;
            webhooks: webhooks_are_kept, a_webhook_is_changed_and_keeps_the_rest, a_batch_settles_whole,
                the_latest_attempts_are_kept, resuming_makes_what_waits_due,
                dead_letters_are_replayed_and_purged, what_waits_holds_the_journal,
                what_is_counted_along_is_what_is_there, secrets_are_rotated_where_they_are_kept,
                a_webhook_without_a_name_is_of_its_tokens_service;
            model: random_deeds_agree_with_the_model, more_random_deeds_agree_with_the_model;
        );
    };
    (@tests $name:ident, $make:expr; $($area:ident: $($test:ident),+;)+) => {
        mod $name {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::store::contract::$area::$test($make).await;
                }
            )+)+
        }
    };
}
pub(crate) use store_contract;
