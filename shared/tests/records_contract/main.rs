//! The contract of records: every public method, on PostgreSQL and on SQLite.
//!
//! A case is written once, against a [`stage::Stage`], and becomes three tests: `sqlite::…` on a
//! file of its own, `postgres::…` on a database of its own in one real server, and `pgbouncer::…` on
//! one of the same server behind a pooler that gives each transaction any connection.

mod accounts;
mod authorization_codes;
mod back_channel;
mod by_hand;
mod code_uses;
mod credit;
mod delivery;
mod delivery_reading;
mod erasing;
mod family;
mod import;
mod kept_out;
mod known_devices;
mod large_ledger;
mod ledger;
mod ledger_writer;
mod legs;
mod lists;
mod locked_rows;
mod look;
mod lost_answers;
mod notices;
mod outage;
mod password_resets;
mod passwords;
mod phone_moves;
mod profile;
mod refreshing;
mod retention;
mod round_trips;
mod session_ending;
mod sign_in;
mod sign_in_at_once;
mod sign_in_rounds;
mod sign_in_together;
mod sign_on;
mod spending;
#[path = "../stores/sqlite.rs"]
mod sqlite_files;
mod staff;
mod stage;
mod step_refusals;
mod steps;

use stage::Stage;

harness::on_each! {
    sqlite => Stage::sqlite().await, postgres => Stage::postgres().await, pgbouncer => Stage::pooled().await;
    staff::a_05_of_40_factors_at_once_no_more_than_five_are_compared,
    staff::a_factor_is_accepted_once_and_ends_the_row_of_wrong_ones,
    staff::a_session_of_staff_holds_while_it_its_user_and_its_role_do,
    staff::a_link_for_staff_is_used_once_within_its_time,
    staff::what_staff_does_for_people_is_done_once_and_written_down,
    back_channel::bcl_whatever_ends_a_sign_on_tells_its_clients_once,
    back_channel::bcl_a_grant_that_ends_alone_tells_its_client_unless_that_gave_it_back,
    back_channel::bcl_a_client_that_could_not_be_told_is_tried_again,
    back_channel::bcl_two_programs_take_each_row_once,
    accounts::an_open_database_answers_and_lacks_nothing,
    accounts::a_changed_or_missing_migration_is_told,
    accounts::an_unreadable_row_is_told_and_not_guessed_at,
    accounts::a_deletion_that_leaves_personal_data_is_refused,
    accounts::ses_05_a_block_ends_the_sessions_and_an_unblock_lets_in_again,
    accounts::i_03_the_database_refuses_a_second_live_refresh_token_of_a_session,
    sign_in::the_first_sign_in_creates_the_user_and_the_next_finds_it,
    sign_in::i_03_a_code_acts_once,
    sign_in::r_01_of_200_sign_ins_with_one_code_at_once_exactly_one_succeeds,
    sign_in::two_codes_of_one_new_number_at_once_make_one_user,
    sign_in::of_many_at_once_only_the_one_whose_row_is_refused_fails,
    sign_in::many_numbers_at_once_end_each_as_they_would_alone,
    sign_in::a_blocked_user_is_refused_and_the_code_stays_unused,
    sign_in::a_block_at_the_moment_of_a_sign_in_leaves_no_session,
    sign_in::a_sign_in_that_fails_leaves_nothing_behind,
    sign_in::a_taken_user_name_does_not_keep_the_owner_of_the_number_out,
    sign_in::sessions_that_have_ended_are_not_listed,
    sign_in::a_list_of_sessions_has_an_end,
    sign_in::r_27_a_25_what_a_client_says_about_itself_is_cut_and_cleaned,
    phone_moves::otp_10_a_move_waits_three_days_tells_both_and_is_made_once,
    phone_moves::a_move_is_stopped_by_a_session_by_staff_and_by_what_shows_that_nothing_is_lost,
    phone_moves::a_move_takes_nobodys_number_and_none_of_a_blocked_user,
    phone_moves::otp_11_a_code_alone_gives_no_powers_of_staff_that_an_old_account_had,
    by_hand::a_superuser_is_created_or_promoted_and_the_audit_log_says_so,
    by_hand::a_password_set_by_hand_ends_the_sessions,
    import::imported_users_are_as_they_were_and_the_progress_is_kept,
    import::an_import_leaves_accounts_alone_and_tells_of_them,
    import::what_could_not_be_noted_is_not_imported,
    import::of_two_imports_of_one_file_one_goes_on,
    steps::a_newcomer_goes_from_a_code_to_a_session,
    steps::someone_with_a_password_begins_with_it_and_nobody_else,
    steps::a_flow_whose_number_has_a_password_by_now_waits_for_it_under_its_handle,
    steps::i_05_of_a_handle_its_hash_is_stored,
    steps::no_step_is_skipped_or_taken_again,
    steps::r_01_of_20_at_once_one_takes_a_step,
    steps::two_flows_of_one_new_number_at_once_make_one_user,
    step_refusals::a_step_lives_fifteen_minutes,
    step_refusals::r_09_a_block_holds_on_every_step,
    steps::an_account_that_exists_keeps_itself_and_loses_its_sessions,
    step_refusals::a_password_that_was_set_since_ends_the_flow,
    step_refusals::a_number_that_changed_hands_ends_the_flow,
    step_refusals::a_right_password_uses_up_its_step_and_a_refused_one_does_not,
    step_refusals::a_flow_goes_on_between_this_release_and_the_one_before,
    step_refusals::a_step_that_fails_was_not_taken,
    step_refusals::steps_that_are_over_are_swept_a_few_at_a_time,
    passwords::a_password_is_found_by_number_and_by_user,
    passwords::ses_05_a_new_password_ends_all_sessions_but_ones_own,
    passwords::of_two_changes_at_once_the_one_whose_session_ended_is_refused,
    passwords::nobody_sets_the_password_of_a_blocked_or_unknown_user,
    passwords::a_hash_is_upgraded_only_while_it_is_the_old_one,
    passwords::a_right_password_opens_a_session_without_a_code,
    password_resets::i_03_a_reset_acts_once_and_ends_every_session,
    password_resets::r_01_of_50_resets_with_one_code_at_once_exactly_one_succeeds,
    password_resets::a_reset_of_a_number_without_a_user_creates_one,
    password_resets::a_blocked_user_resets_nothing_and_the_code_stays_unused,
    password_resets::a_notice_of_a_change_is_written_with_it_or_not_at_all,
    password_resets::r_08_nobody_has_messages_sent_by_changing_a_password_over_and_over,
    passwords::an_unreadable_hash_is_told_and_not_guessed_at,
    refreshing::ses_08_a_token_is_replaced_and_its_session_moves_on,
    refreshing::ses_08_r_21_a_token_that_comes_back_ends_the_family,
    refreshing::ses_09_a_lost_answer_is_given_again_for_ten_seconds,
    refreshing::ses_09_an_answer_lost_for_minutes_is_given_again_until_it_was_used,
    refreshing::ses_09_a_third_generation_in_a_row_that_comes_back_late_ends_the_family,
    refreshing::ses_09_a_successor_that_was_used_is_not_given_again,
    refreshing::ses_08_a_token_of_an_early_generation_ends_the_family,
    refreshing::a_30_of_20_refreshes_at_once_all_get_one_successor,
    refreshing::ses_03_a_session_ends_when_it_is_not_used_and_at_its_end,
    refreshing::ses_05_who_may_not_sign_in_may_not_refresh,
    refreshing::ses_04_a_log_out_at_the_moment_of_a_refresh_wins,
    refreshing::ses_08_a_copy_used_at_the_moment_of_a_refresh_ends_the_family,
    refreshing::a_20_a_session_is_renewed_so_often_in_a_minute_and_no_more,
    refreshing::a_20_a_session_keeps_a_bounded_number_of_old_tokens,
    refreshing::a_20_a_session_is_renewed_so_often_in_a_day_and_no_more,
    refreshing::r_21_a_refresh_that_fails_leaves_the_token_as_it_was,
    retention::prv_01_old_rows_go_the_oldest_first_a_few_at_a_time,
    retention::prv_01_a_worker_whose_clock_is_ahead_removes_nothing_too_early,
    retention::prv_01_workers_that_keep_rows_for_different_times_leave_each_other_alone,
    retention::prv_01_a_progress_that_nobody_can_have_made_is_begun_anew,
    retention::i_03_a_use_of_a_code_is_removed_by_nobody_before_a_day_is_over,
    retention::prv_01_rows_of_one_moment_go_together,
    retention::prv_01_a_notice_that_is_in_the_queue_is_not_of_this_sort,
    ledger::f_06_codes_that_were_sent_to_a_number_are_remembered,
    erasing::prv_01_what_was_asked_for_before_is_written_without_the_number,
    erasing::prv_01_a_send_that_a_dead_worker_left_loses_an_erased_number,
    erasing::prv_01_a_look_that_was_not_made_is_made_by_the_next_process,
    erasing::prv_01_a_look_once_more_takes_only_what_was_asked_for_before,
    session_ending::ses_06_a_user_ends_one_of_their_own_sessions,
    session_ending::ses_06_a_user_ends_all_sessions_or_all_others,
    session_ending::ses_04_a_refresh_token_alone_logs_out,
    ledger::an_attempt_begins_once_and_its_end_is_final,
    ledger::an_attempt_that_surely_failed_is_followed_by_the_next,
    ledger::a_row_left_in_sending_by_a_dead_run_becomes_unknown,
    ledger::a_run_whose_begin_lost_its_answer_begins_again,
    ledger::the_late_truth_of_the_same_run_is_taken_from_unknown,
    ledger::i_02_a_finish_with_another_fence_or_attempt_changes_nothing,
    ledger::a_finish_that_is_repeated_counts_as_recorded,
    ledger::an_unknown_send_is_repeated_once_and_marked,
    ledger::a_late_job_expires_unless_it_was_sent,
    kept_out::a_code_for_somebody_who_is_kept_out_is_given_up,
    kept_out::a_message_that_is_under_way_when_its_user_is_kept_out_is_not_repeated,
    kept_out::a_batch_keeps_back_only_those_who_are_kept_out,
    ledger::the_sends_of_a_request_are_found_by_its_id,
    ledger::the_timeline_and_the_counts_see_every_send,
    legs::each_leg_of_a_send_is_a_row_of_its_own,
    legs::a_message_number_belongs_to_one_send_of_its_route,
    legs::rows_of_the_release_before_are_moved_and_followed,
    legs::the_release_before_goes_on_with_rows_of_this_one,
    profile::a_profile_changes_as_far_as_it_is_named_and_only_for_who_may,
    profile::a_change_of_number_is_one_transaction_with_its_notice_and_its_code,
    profile::a_change_that_is_not_allowed_uses_no_code,
    profile::a_taken_number_uses_the_code_up_and_changes_nothing,
    profile::i_05_a_deletion_erases_the_person_and_keeps_that_codes_were_used,
    profile::a_deletion_does_not_silence_the_notice_to_the_number_before,
    profile::who_is_kept_out_deletes_nothing,
    profile::r_19_a_session_that_is_ended_at_this_moment_changes_no_number,
    profile::ses_05_a_session_that_is_ended_at_this_moment_deletes_nothing,
    authorization_codes::a_code_opens_one_session_of_its_client,
    authorization_codes::t02_of_twenty_at_once_one_redeems_a_code,
    authorization_codes::t03_a_code_of_another_client_address_or_verifier_stays_as_it_was,
    authorization_codes::t03_a_code_dies_after_its_minute,
    authorization_codes::t04_a_code_that_comes_back_ends_what_it_opened,
    authorization_codes::t06_a_verifier_without_a_challenge_is_refused_and_the_other_way_round,
    authorization_codes::t13_a_token_of_a_client_is_renewed_by_that_client_alone,
    authorization_codes::t15_a_code_dies_with_its_sign_on_and_its_user,
    authorization_codes::a_grant_ends_with_its_sign_on_unless_it_may_outlive_it,
    authorization_codes::a_client_gives_its_grant_back,
    authorization_codes::codes_that_were_over_a_day_ago_are_removed_a_few_at_a_time,
    sign_on::a_refresh_token_says_who_is_signed_in_and_stays_as_it_is,
    sign_on::a_token_that_was_presented_here_had_its_answer,
    sign_on::a_token_that_was_replaced_counts_for_its_grace_and_then_ends_its_session,
    sign_on::nobody_is_signed_in_by_a_token_of_a_client,
    known_devices::a_device_is_known_for_its_user_and_their_present_number,
    known_devices::only_a_log_out_on_the_device_itself_leaves_it_known,
    known_devices::a_log_out_everywhere_forgets_every_device,
    known_devices::a_token_that_ends_nothing_forgets_no_device,
    known_devices::a_new_password_forgets_all_but_the_device_that_set_it,
    known_devices::a_block_forgets_every_device_also_when_it_is_over,
    known_devices::a_change_of_the_number_forgets_every_device,
    lost_answers::ses_09_for_a_minute_the_same_session_is_given_again,
    lost_answers::ses_05_who_is_kept_out_gets_no_lost_answer,
    lost_answers::a_session_that_was_used_or_ended_is_not_given_again,
    notices::a_notice_waits_until_it_is_in_the_queue,
    code_uses::used_codes_are_told_from_others,
    notices::a_notice_is_read_as_it_was_written,
    notices::the_notices_to_a_number_are_told_the_newest_first,
    notices::an_unreadable_notice_is_told_and_not_guessed_at,
    notices::notices_are_forgotten_when_they_are_in_the_queue_and_over,
    notices::the_ledger_keeps_a_notice_under_its_own_key_and_purpose,
    code_uses::used_codes_are_counted_and_their_times_are_told,
    credit::looks_at_the_credit_are_kept_for_a_week,
    lists::each_filter_finds_what_it_says_and_they_compose,
    lists::who_was_written_to_is_told_in_the_order_of_the_ledger,
    lists::a_number_a_request_and_a_message_are_found_among_all,
    lists::pages_follow_each_other_without_gaps_while_rows_come,
    lists::what_has_no_index_is_looked_for_step_by_step,
    lists::what_no_number_can_be_finds_nothing,
    lists::sends_without_a_number_stay_in_the_list,
    lists::sends_are_counted_by_operator_and_fate,
    look::a_look_counts_once_however_often_it_is_recorded,
    look::looks_belong_to_the_attempt_that_is_looked_for,
    look::looks_stay_when_the_send_is_given_up,
    look::messages_of_other_sends_are_told_from_ones_own,
    look::open_sends_to_a_number_are_found_by_the_time_of_their_attempt,
    look::a_taken_local_id_is_replaced_in_the_next_attempt,
    delivery_reading::checks_are_read_in_due_order_up_to_a_limit,
    delivery_reading::a_reader_goes_on_behind_the_place_they_came_to,
    delivery_reading::what_becomes_due_is_behind_every_place_that_was_read,
    delivery_reading::f_01_a_check_whose_reader_died_is_still_due,
    delivery_reading::of_several_who_ask_about_the_same_one_records_it,
    delivery_reading::a_worker_of_the_release_before_asks_beside_this_one,
    delivery_reading::an_answer_that_says_nothing_leaves_the_lease_of_the_release_before,
    delivery_reading::a_row_that_cannot_be_read_does_not_keep_the_others_waiting,
    delivery_reading::a_row_that_the_database_refuses_is_put_off_and_no_other,
    delivery_reading::what_was_recorded_or_hastened_meanwhile_is_not_put_off,
    delivery::a_message_is_counted_once_for_each_stage_that_it_reaches,
    delivery::what_has_come_to_its_end_stays_there,
    delivery::an_answer_without_anything_new_moves_the_next_check_only,
    delivery::a_message_whose_end_nobody_learns_is_unknown_in_the_end,
    delivery::a_34_a_report_makes_the_gateway_be_asked_and_is_believed_in_nothing,
    delivery::a_report_that_comes_while_the_gateway_is_asked_is_not_lost,
    delivery::the_messages_of_a_deleted_account_are_followed_without_its_number,
    delivery::an_entry_that_had_failed_at_once_shows_how,
    spending::the_cost_of_accepted_sends_is_summed_up_by_the_time_they_were_made,
    spending::a_sum_may_exceed_32_bits,
    spending::costs_are_told_by_purpose_channel_route_and_prefix,
    spending::connections_are_counted_and_the_back_end_is_named,
    ledger_writer::a_burst_is_recorded_row_by_row,
    ledger_writer::several_begins_of_one_send_at_once_start_one_attempt,
    ledger_writer::one_taken_messageid_does_not_spoil_its_batch,
    ledger_writer::one_taken_localid_does_not_spoil_its_batch,
    ledger_writer::one_unreadable_row_does_not_spoil_its_batch,
    ledger_writer::one_row_that_is_refused_for_good_does_not_spoil_its_batch,
    ledger_writer::closing_writes_what_was_handed_in_and_refuses_more,
    ledger_writer::what_was_handed_in_is_written_although_the_caller_went_away,
}
