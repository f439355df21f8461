//! The definition of hot state: every case runs on Redis and on SQLite, and the cases call every
//! public method.

mod accepting;
mod authorization;
mod clock_steps;
mod counting;
mod exemptions;
mod following;
mod full_disk;
mod full_redis;
mod gateway_gate;
mod known_devices;
mod limits;
mod living;
mod locks;
mod memory;
mod notices;
mod number_logs;
mod phone_state;
mod refusals;
mod release_before;
mod roots;
mod shared_calls;
mod shared_commits;
mod stage;
mod stalls;
mod steps_of_guesses;
#[path = "../stores/stores.rs"]
mod stores;
mod tries;
mod unanswered;
mod upgrade;

use domain::clock::Clock;
use stage::Stage;

harness::on_each! {
    on_redis => &Stage::redis().await, on_sqlite => &Stage::sqlite().await;
    accepting::a_granted_request_leaves_a_challenge_and_one_job,
    accepting::a_repeated_request_is_granted_once,
    accepting::a_resend_keeps_the_code_and_extends_its_life,
    accepting::during_the_cooldown_nothing_is_sent_and_the_seconds_left_are_told,
    accepting::a_resend_for_another_phone_is_told_apart,
    accepting::a_challenge_that_no_longer_lives_names_what_a_new_one_needs,
    accepting::a_14_a_phone_gets_three_sends_in_two_minutes_and_ten_a_day,
    accepting::an_address_gets_its_requests_a_minute_and_no_more,
    accepting::requests_for_no_code_share_the_bucket_of_their_address,
    accepting::a_refused_request_consumes_nothing,
    accepting::the_rule_that_takes_longest_is_told,
    accepting::f_16_a_full_queue_refuses_instead_of_promising,
    accepting::f_16_a_queue_that_is_behind_refuses_instead_of_promising,
    accepting::a_14_parallel_requests_never_exceed_the_limit,
    limits::thr_05_a_21_addresses_of_one_group_share_a_bucket,
    limits::addresses_whose_numbers_are_proven_may_ask_for_more,
    limits::honest_people_behind_carrier_nat_are_never_refused,
    limits::while_messages_wait_no_group_has_more_than_its_share,
    limits::while_a_message_is_being_sent_nobody_shares,
    limits::a_budget_of_a_day_holds_until_the_next,
    limits::thr_05_a_21_guesses_of_one_group_fill_no_memory,
    limits::thr_05_a_21_guesses_of_one_ipv6_operator_are_throttled,
    limits::too_many_wrong_codes_in_an_hour_close_the_way_by_number,
    limits::thr_04_a_right_code_counts_nowhere_as_a_failure,
    limits::f_13_counters_of_a_later_time_keep_nobody_out,
    counting::a_01_after_the_cap_right_and_wrong_are_told_the_same,
    counting::a_05_r_02_wrong_codes_in_parallel_never_exceed_the_cap,
    counting::a_15_the_two_ways_count_apart,
    counting::a_02_r_06_the_phone_way_shares_one_cap_over_all_who_ask,
    counting::r_07_a_resend_gives_no_attempts_back,
    counting::r_16_an_expired_code_is_refused,
    counting::a_12_r_32_a_restart_gives_no_attempts_back,
    counting::r_04_a_count_that_cannot_be_read_gives_no_attempts_back,
    counting::a_closed_root_is_hidden_from_the_phone,
    counting::a_record_that_was_replaced_is_gone,
    counting::the_phone_way_sees_the_open_sign_in_roots,
    counting::sweeping_removes_what_is_dead_and_keeps_what_lives,
    clock_steps::f_13_the_gate_admits_calls_at_once,
    clock_steps::f_13_the_breaker_is_probed_and_refuses_no_longer,
    clock_steps::f_13_deliveries_are_followed_by_another,
    clock_steps::f_13_a_phone_and_an_address_wait_no_longer_than_they_could,
    clock_steps::f_13_a_code_is_texted_again_and_one_that_expired_stays_dead,
    clock_steps::f_13_a_resend_is_not_put_off_until_the_old_time_is_back,
    clock_steps::f_13_a_lock_lasts_no_longer_than_a_lock,
    living::roots_that_live_are_told_in_one_round_trip,
    roots::asking_again_gives_a_new_challenge_on_the_same_code,
    roots::within_the_cooldown_only_the_message_is_left_out,
    roots::another_channel_passes_the_cooldown_and_is_charged,
    roots::of_two_who_ask_at_once_one_is_texted,
    roots::a_repeated_request_on_a_shared_root_is_granted_once,
    roots::i_02_the_first_right_code_closes_the_root,
    roots::a_17_a_stranger_on_the_same_root_gains_denies_and_learns_nothing,
    roots::a_root_is_kept_as_long_as_it_may_be_shared,
    roots::a_right_code_may_be_repeated_for_a_minute_also_at_its_end,
    roots::a_session_whose_root_was_closed_goes_on_to_a_new_one,
    roots::a_root_is_shared_until_too_little_of_its_life_is_left,
    roots::a_resend_goes_on_to_a_new_root_when_the_old_one_is_near_its_end,
    roots::purposes_do_not_disturb_one_another,
    roots::a_right_code_with_the_number_may_be_repeated_until_it_had_its_effect,
    roots::a_root_whose_code_had_no_effect_is_opened_again,
    roots::i_04_r_06_guesses_a_day_are_bounded_by_sixty,
    known_devices::a_16_a_known_device_has_five_sends_of_its_own_in_a_day,
    known_devices::the_other_limits_and_the_cooldown_hold_for_a_known_device,
    known_devices::f_07_a_request_of_a_known_device_that_is_taken_back_costs_nothing,
    known_devices::a_15_a_known_device_has_five_tries_of_its_own,
    known_devices::a_03_a_known_device_needs_no_handle_when_the_service_asks_for_one,
    known_devices::what_is_kept_of_a_known_device_ends_and_names_no_session,
    known_devices::f_13_a_window_of_a_known_device_lasts_no_longer_for_a_clock_that_was_set,
    known_devices::i_04_with_a_known_device_guesses_a_day_are_bounded_by_ninety,
    memory::prv_01_a_deleted_number_stays_nowhere_and_its_limits_last,
    memory::prv_01_a_success_forgets_the_failures_of_a_deleted_number,
    number_logs::thr_05_a_21_a_log_is_half_as_large_when_its_code_is_over,
    number_logs::what_a_short_log_has_counts_as_before,
    number_logs::a_root_that_lives_keeps_its_name,
    number_logs::f_13_what_is_ahead_of_a_clock_that_was_set_back_keeps_its_name,
    number_logs::prv_01_an_erasure_finds_each_root_that_is_left,
    number_logs::the_release_before_goes_on_with_a_short_log,
    number_logs::of_several_who_shorten_logs_one_goes_on,
    number_logs::what_is_no_log_is_in_no_logs_way,
    refusals::what_refused_is_counted_by_rule_and_the_last_are_told,
    refusals::a_21_a_flood_of_refusals_is_kept_within_bounds_and_hides_no_other_rule,
    refusals::counts_are_those_of_the_last_hour_and_of_the_last_day,
    refusals::refusals_of_two_processes_are_told_together,
    refusals::prv_01_a_deleted_number_leaves_the_last_refusals_and_its_exemption,
    refusals::what_refused_is_forgotten_after_a_day,
    exemptions::an_exempt_number_is_not_held_by_its_windows_nor_by_its_address,
    exemptions::an_exemption_ends_in_time_or_before_and_what_was_sent_meanwhile_counts,
    exemptions::an_exemption_holds_for_a_resend_that_names_no_number,
    exemptions::no_guard_and_no_lock_lets_an_exempt_number_pass,
    exemptions::another_process_learns_of_an_exemption_and_of_its_end,
    exemptions::there_are_no_more_exemptions_than_a_hundred_and_none_is_longer_than_a_day,
    locks::a_lock_is_told_with_its_end_and_is_lifted,
    locks::a_number_that_is_not_locked_has_no_lock,
    locks::the_lock_of_a_deleted_number_is_lifted_too,
    authorization::a_request_of_a_client_is_kept_and_taken_once,
    authorization::of_twenty_who_answer_a_request_one_does,
    authorization::a_request_of_a_client_waits_a_quarter_of_an_hour,
    authorization::a_request_that_is_too_long_is_not_kept,
    notices::a_notice_is_enqueued_once_however_often_it_is_asked_for,
    notices::of_many_who_enqueue_a_notice_at_once_one_does,
    notices::no_limit_and_no_guard_holds_a_notice_back,
    notices::a_notice_that_was_left_over_does_not_make_the_queue_look_slow,
    notices::the_mark_of_a_notice_is_swept_when_its_time_is_over,
    following::of_twenty_workers_at_once_one_follows_deliveries,
    following::who_follows_deliveries_does_so_as_long_as_they_say_so,
    following::the_right_to_follow_deliveries_outlives_a_restart,
    following::who_stops_following_lets_another_go_on_at_once,
    following::redis_forgets_a_worker_that_follows_no_longer,
    gateway_gate::no_second_has_more_calls_than_the_rate_and_its_burst,
    gateway_gate::calls_of_all_workers_reserve_their_places_in_one_line,
    gateway_gate::a_call_that_would_wait_too_long_reserves_nothing,
    gateway_gate::a_rate_below_four_still_lets_one_call_through_at_a_time,
    gateway_gate::too_many_calls_halve_the_rate_once_in_five_seconds,
    gateway_gate::the_rate_recovers_by_time_alone_and_never_falls_below_one_call_a_second,
    gateway_gate::f_10_an_open_breaker_admits_no_call_until_a_probe_succeeds,
    gateway_gate::f_10_an_open_breaker_refuses_requests_and_probes_leave_no_gap,
    gateway_gate::a_breaker_that_nobody_probes_leaves_requests_to_the_guards_of_the_queue,
    gateway_gate::one_worker_alone_gets_the_right_to_probe,
    gateway_gate::a_probe_whose_worker_died_is_due_again_after_its_lease,
    gateway_gate::probes_that_fail_double_the_time_to_the_next_up_to_a_minute,
    gateway_gate::a_breaker_that_opens_again_soon_goes_on_with_longer_times,
    gateway_gate::a_breaker_that_is_open_is_not_opened_again,
    gateway_gate::what_happens_to_a_closed_breaker_changes_nothing,
    gateway_gate::a_job_that_was_put_off_does_not_make_the_queue_look_slow,
    phone_state::of_a_number_that_never_asked_nothing_is_known,
    phone_state::the_sends_and_the_failed_tries_of_a_number_are_told,
    phone_state::a_14_a_consumed_challenge_is_still_a_send_to_its_number,
    phone_state::short_limits_hide_no_challenge_of_a_number,
    phone_state::what_the_limits_of_a_number_refuse_is_counted_by_rule,
    phone_state::a_flood_of_refusals_is_counted_once_a_minute,
    phone_state::refusals_that_are_not_the_numbers_own_leave_nothing,
    phone_state::refusals_take_little_room_and_are_forgotten_after_a_day,
    steps_of_guesses::a_number_without_a_code_has_no_root,
    unanswered::f_07_a_request_that_is_taken_back_leaves_nothing,
    unanswered::f_07_what_a_worker_has_is_not_taken_back,
    unanswered::f_07_a_message_that_others_wait_for_is_not_taken_back,
    unanswered::f_07_a_resend_that_is_taken_back_can_be_asked_for_again,
    tries::a_phone_is_locked_for_an_hour_after_its_last_failure,
    tries::r_02_a_05_parallel_tries_never_exceed_the_cap,
    tries::r_02_parallel_tries_of_an_address_never_exceed_its_cap,
    tries::an_address_that_people_share_is_throttled_to_one_failure_a_second,
    tries::a_strict_address_is_locked_for_an_hour,
    tries::a_refused_try_consumes_nothing,
    tries::thr_04_a_success_clears_the_phone_and_gives_the_address_its_one_back,
    tries::a_success_of_the_last_allowed_try_unlocks_phone_and_address,
    tries::r_31_old_failures_do_not_lock,
    tries::r_32_a_12_a_restart_keeps_locks_and_counts,
    tries::what_is_forgotten_leaves_nothing_behind,
}

#[tokio::test]
async fn by_its_own_clock_redis_refuses_when_the_queue_is_behind_and_only_then() {
    accepting::the_age_of_the_oldest_job_is_told_by_the_clock_of_redis(
        &Stage::redis_by(Clock::system()).await,
    )
    .await;
}
