//! The worker against a gateway that behaves and one that does not, over both shapes of stores.

mod account;
mod delivery;
mod full_stores;
mod gate;
mod gateway_trouble;
mod ledger_away;
mod notices;
mod promises;
mod reconciling;
mod stage;

use stage::Stage;

harness::on_each! {
    on_redis_and_postgres => &Stage::production().await, on_sqlite => &Stage::one_file().await;
    promises::i_01_a_job_becomes_one_message_with_the_code_of_its_challenge,
    promises::i_01_all_messages_of_a_number_have_one_code,
    promises::i_02_a_send_that_ended_before_is_not_repeated,
    promises::a_blocked_user_gets_no_code_and_others_do,
    promises::i_07_nothing_is_sent_after_the_deadline,
    promises::i_07_nothing_is_sent_for_a_code_that_was_used,
    promises::a_resend_is_another_message_with_the_same_code,
    promises::a_call_is_a_voice_message,
    promises::a_job_whose_key_is_not_known_here_waits_for_it,
    promises::f_06_a_challenge_that_hot_state_lost_is_a_dead_letter,
    promises::f_14_a_stop_finishes_what_runs,
    gateway_trouble::a_gateway_that_is_not_there_is_tried_again,
    gateway_trouble::codes_that_ask_for_patience_are_tried_again,
    gateway_trouble::f_10_without_credit_the_error_is_recorded_and_the_message_goes_out_after_the_recharge,
    gate::f_10_an_open_breaker_lets_no_call_through,
    gate::f_10_the_first_refusals_open_the_breaker_and_no_further_job_is_tried,
    gate::f_10_after_the_recharge_the_waiting_messages_go_out_before_their_deadline,
    gate::f_10_a_key_that_is_refused_opens_the_breaker_until_it_is_taken_again,
    gate::f_10_a_message_whose_breaker_never_closes_expires,
    gate::f_10_one_worker_probes_for_all,
    gate::f_10_a_worker_that_comes_after_the_recharge_closes_the_breaker,
    gate::f_10_the_breaker_of_another_worker_is_shown,
    gate::two_workers_share_one_rate,
    gate::a_42_too_many_calls_halve_the_rate_which_recovers,
    gate::f_14_a_stop_gives_back_what_waits_for_its_turn,
    account::credit_and_harmful_settings_are_shown,
    account::a_watch_that_fails_does_not_stop_the_worker,
    account::f_10_debug_mode_is_seen_while_the_worker_runs_and_when_it_ends,
    account::f_10_a_key_that_is_refused_is_shown_until_it_is_taken_again,
    account::f_10_an_idle_worker_notices_that_its_key_is_refused,
    account::jobs_that_run_are_shown_while_they_do,
    account::what_messages_cost_is_counted_and_the_days_of_credit_are_shown,
    gateway_trouble::a_refused_receptor_is_final,
    gateway_trouble::a_message_that_finds_no_gateway_before_its_deadline_expires,
    delivery::a_message_is_followed_until_it_is_delivered,
    delivery::every_end_of_a_message_is_recorded_and_counted,
    delivery::a_message_that_is_blocked_at_once_is_refused_and_shows_why,
    delivery::an_undelivered_message_that_the_gateway_repeats_is_followed,
    delivery::two_workers_ask_about_each_message_once_in_a_round,
    delivery::what_a_worker_of_the_release_before_has_taken_is_asked_when_its_minute_is_over,
    delivery::f_14_what_a_stopped_worker_had_asked_is_asked_by_another,
    delivery::f_01_deliveries_of_a_dead_worker_are_followed_by_another_after_a_minute,
    delivery::f_09_a_worker_that_does_not_reach_the_gateway_lets_another_ask,
    delivery::f_09_what_was_not_answered_keeps_nothing_else_waiting,
    delivery::f_09_answers_that_say_nothing_lose_nothing,
    delivery::a_message_that_the_gateway_forgot_is_unknown,
    delivery::a_34_reports_hasten_the_question_and_decide_nothing,
    delivery::f_10_nothing_is_asked_while_the_breaker_is_open,
    delivery::questions_leave_the_rate_to_the_messages,
    notices::i_01_a_notice_is_sent_once_in_the_words_of_its_change,
    notices::a_notice_goes_by_a_template_of_its_kind_where_there_is_one,
    notices::a_notice_without_a_way_is_refused_in_the_ledger_and_nothing_is_called,
    notices::i_02_a_notice_that_a_dead_worker_had_sent_is_found_and_not_repeated,
    notices::i_02_a_notice_that_a_dead_worker_had_not_sent_is_sent_once,
    notices::i_07_a_notice_of_the_day_before_is_not_sent,
    notices::f_10_a_notice_waits_for_hours_behind_an_open_breaker,
    notices::a_notice_whose_account_was_deleted_is_not_sent,
    notices::a_gateway_that_was_away_for_a_while_gets_the_notice_in_the_end,
    reconciling::f_11_a_message_whose_answer_was_lost_is_found_and_never_doubled,
    reconciling::f_11_a_message_that_did_not_go_is_sent_once_more_and_flagged,
    reconciling::i_02_a_send_that_a_dead_worker_left_open_is_looked_for_before_it_is_sent,
    reconciling::i_02_a_message_that_a_dead_worker_had_sent_is_found,
    reconciling::i_02_a_message_is_sent_again_once_at_most,
    reconciling::i_02_looks_that_fail_prove_nothing,
    reconciling::i_02_looks_that_count_are_two_seconds_apart,
    reconciling::i_02_a_message_of_another_send_is_not_taken_for_ones_own,
    reconciling::i_02_one_message_is_not_taken_for_either_of_two_open_sends,
    reconciling::i_02_several_strange_messages_leave_it_undecided,
    reconciling::i_07_nothing_is_looked_for_or_sent_again_after_the_deadline,
    reconciling::i_07_nothing_is_sent_again_for_a_code_that_was_used,
    reconciling::a_local_id_that_is_taken_is_replaced,
}
