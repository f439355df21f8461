//! The API as its clients see it: every case runs over PostgreSQL and Redis and over one SQLite
//! file, through HTTP on a port, with a clock that is moved by hand.

mod answer;
mod attacks;
mod authentication;
mod bad_input;
mod console;
mod deletion;
mod delivery_reports;
mod description;
mod failed_tries;
mod forge;
mod forged_tokens;
mod full_store;
mod interface;
mod limits;
mod log_out;
mod notices;
mod oidc;
mod origins;
mod outages;
mod pages;
mod password_change;
mod password_floods;
mod password_reset;
mod passwords;
mod phone_change;
mod phone_moves;
mod profile;
mod races;
mod refreshing;
mod sending;
mod session_list;
mod shared_codes;
mod stage;
mod step_handles;
mod step_outages;
mod step_refusals;
mod steps;
mod stores;
mod tokens;
mod verifying;

use pages::{
    account as pages_account, counting as pages_counting, defence as pages_defence,
    devices as pages_devices, ending as pages_ending, messages as pages_messages,
    passwords as pages_passwords, phone as pages_phone, refusals as pages_refusals,
    sign_in as pages_sign_in, staying as pages_staying,
};

use console::{
    door as console_door, people as console_people, roles as console_roles,
    sign_in as console_sign_in,
};

use oidc::{
    conformance, flow as oidc_flow, leaving as oidc_leaving, threats as oidc_threats,
    tokens as oidc_tokens,
};

/// One test per case and shape.
macro_rules! on_both_shapes {
    ($($module:ident::$case:ident,)*) => {
        mod on_postgres_and_redis {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { $module::$case(stage::Shape::PostgresAndRedis).await; })*
        }
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { $module::$case(stage::Shape::Sqlite).await; })*
        }
    };
}

on_both_shapes! {
    conformance::conformance_a_request_may_leave_out_or_add_what_it_likes,
    conformance::conformance_each_scope_gives_its_claims_and_unknown_ones_none,
    conformance::conformance_a_hint_of_whoever_is_signed_in_changes_nothing,
    conformance::conformance_request_objects_are_refused_by_name,
    oidc_leaving::rpil_whoever_comes_with_their_id_token_leaves_at_once,
    oidc_leaving::t17_a_log_out_without_a_hint_asks,
    oidc_leaving::t17_somebody_elses_hint_asks_and_leads_back_then,
    oidc_leaving::t17_what_is_wrong_is_asked_and_leads_nobody_anywhere,
    oidc_leaving::bcl_an_application_is_told_of_log_out_block_and_deletion,
    oidc_leaving::bcl_who_is_away_hears_later_from_another_process,
    oidc_leaving::bcl_who_refuses_or_stays_away_for_a_day_is_told_no_more,
    oidc_flow::a_person_signs_in_to_an_application,
    oidc_flow::whoever_is_signed_in_comes_back_at_once,
    oidc_flow::who_must_prove_themselves_again_does_so_once,
    oidc_flow::an_app_is_confirmed_or_another_number_taken,
    oidc_flow::who_goes_back_is_led_to_the_application,
    oidc_flow::the_application_chooses_the_language_until_the_person_does,
    oidc_flow::without_a_file_of_applications_there_is_nothing,
    oidc_tokens::libraries_find_everything_by_the_issuer,
    oidc_tokens::t20_no_header_changes_the_issuer,
    oidc_tokens::a_client_proves_itself_in_one_way,
    oidc_tokens::what_a_grant_lacks_is_told,
    oidc_tokens::id_tokens_are_signed_by_a_published_key_of_the_clients_choice,
    oidc_tokens::an_assertion_of_a_client_works_once,
    oidc_tokens::tokens_are_renewed_narrowed_and_given_back,
    oidc_tokens::claims_are_told_to_who_shows_a_token,
    oidc_tokens::t18_scripts_of_other_origins_read_nothing,
    oidc_tokens::t19_wrong_secrets_are_limited,
    oidc_threats::t01_a_token_of_an_application_opens_no_account,
    oidc_threats::t02_twenty_parallel_redemptions_give_one_200,
    oidc_threats::t03_a_code_is_bound_to_client_address_and_verifier,
    oidc_threats::t04_a_replayed_code_ends_what_it_gave,
    oidc_threats::t05_other_addresses_get_a_page_and_nothing_else,
    oidc_threats::t06_pkce_cannot_be_left_out_or_weakened,
    oidc_threats::t07_t11_every_way_back_is_a_303_with_the_issuer,
    oidc_threats::t08_no_page_on_the_way_can_be_framed,
    oidc_threats::t09_no_link_sends_a_message_and_too_many_are_refused,
    oidc_threats::t10_nobody_goes_on_with_what_another_browser_was_asked,
    oidc_threats::t10_what_another_site_sends_confirms_nothing,
    oidc_threats::t13_refresh_tokens_stay_with_their_client,
    oidc_threats::t14_an_id_token_is_no_access_token,
    oidc_threats::t15_a_blocked_user_and_an_ended_session_are_out,
    oidc_threats::t16_forged_hints_are_refused,
    oidc_threats::t12_what_is_secret_is_in_no_figure_and_no_store,
    authentication::what_others_put_into_a_request_hides_no_token,
    bad_input::a_slash_at_the_end_is_forgiven_on_every_path,
    bad_input::a_code_is_taken_as_it_was_pasted,
    bad_input::what_programs_spell_in_their_own_way_is_understood,
    bad_input::what_cannot_be_taken_is_told_with_what_to_do,
    log_out::a_doubled_cookie_is_logged_out_and_never_only_called_so,
    session_list::a_device_is_listed_whatever_it_calls_itself,
    sending::a_code_is_asked_for_and_given_back,
    shared_codes::the_code_of_the_first_message_is_good_after_asking_again,
    shared_codes::two_who_ask_at_once_get_one_message_and_the_same_answer,
    shared_codes::i_02_of_200_right_codes_over_five_sessions_one_opens_a_session,
    shared_codes::a_stranger_hears_the_same_whether_the_owner_signed_in,
    shared_codes::a_sign_in_whose_answer_was_lost_is_answered_again_for_a_minute,
    shared_codes::after_a_minute_a_used_code_is_used,
    shared_codes::i_02_whoever_meets_a_used_code_closes_its_root,
    shared_codes::register_reset_and_sign_in_do_not_disturb_one_another,
    delivery_reports::the_gateways_reports_are_taken_in_either_form,
    delivery_reports::a_34_reports_of_others_change_nothing,
    delivery_reports::a_34_without_a_secret_there_is_no_such_address,
    sending::a_new_sign_in_of_a_known_user_is_not_new,
    sending::a_resend_sends_the_same_code_and_needs_no_number,
    sending::during_the_cooldown_nothing_is_sent_and_the_seconds_left_are_told,
    sending::a_resend_for_another_number_is_a_conflict,
    sending::a_request_that_is_over_is_followed_by_a_new_one,
    sending::an_unknown_session_needs_a_number,
    sending::a_voice_call_needs_a_template_of_its_language,
    sending::a_job_carries_the_trace_and_the_id_of_its_request,
    sending::r_17_a_session_of_another_purpose_is_unknown,
    bad_input::a_22_every_spelling_of_a_number_is_taken,
    bad_input::a_13_a_24_numbers_that_cannot_get_an_sms_are_refused_by_name,
    bad_input::a_39_bodies_that_are_no_request_are_refused_by_name,
    bad_input::a_38_a_large_body_is_refused_and_the_answer_arrives,
    bad_input::wrong_paths_and_methods_are_problems_too,
    bad_input::r_05_a_malformed_code_is_not_compared_and_counts_no_attempt,
    bad_input::a_body_that_breaks_off_is_told,
    verifying::a_01_r_10_after_the_cap_right_and_wrong_codes_get_the_same_bytes,
    verifying::a_04_r_07_a_resend_gives_no_attempts_back,
    verifying::a_07_a_used_code_is_told_to_its_session,
    verifying::r_16_an_expired_code_is_refused,
    verifying::an_unknown_session_is_refused,
    verifying::a_number_that_is_not_of_the_session_is_a_conflict,
    verifying::persian_and_arabic_digits_are_understood,
    verifying::a_code_comes_back_with_the_number_only,
    verifying::a_19_the_phone_way_answers_every_failure_with_the_same_bytes,
    verifying::a_15_guesses_by_number_leave_the_owner_their_attempts,
    verifying::a_blocked_user_gets_the_bytes_of_a_wrong_code,
    verifying::a_key_that_this_process_lacks_is_unavailable_and_counts_no_attempt,
    verifying::a_36_an_unreadable_record_is_our_fault_and_says_nothing,
    verifying::ses_01_the_access_token_is_signed_by_a_published_key,
    verifying::a_31_cok_01_tokens_come_as_cookies_that_scripts_cannot_read,
    authentication::an_app_and_a_browser_show_the_same_token_each_in_its_way,
    authentication::r_24_what_is_not_one_good_token_is_refused,
    authentication::ses_03_a_token_dies_with_its_time,
    authentication::ses_05_a_blocked_user_is_out_at_once,
    passwords::a_password_is_set_and_opens_a_session,
    passwords::thr_09_a_19_wrong_credentials_of_any_kind_get_the_same_bytes,
    passwords::a_hash_made_by_django_is_replaced_by_the_log_in,
    passwords::a_flood_is_told_to_come_back_and_costs_no_tries,
    password_change::a_first_password_needs_a_fresh_sign_in_by_a_code,
    password_change::a_change_needs_the_current_password_or_a_fresh_code,
    password_change::ses_05_a_change_ends_every_other_session,
    password_change::new_passwords_are_judged_before_anything_is_counted,
    password_change::csr_02_a_page_of_another_site_changes_no_password,
    notices::the_owner_is_told_of_a_change_and_not_of_a_first_password,
    password_change::r_08_a_password_is_changed_five_times_a_day,
    password_floods::a_20_36_connections_of_one_address_keep_nobody_from_logging_in,
    password_floods::a_20_an_address_has_new_passwords_judged_only_so_often,
    password_reset::a_code_sets_a_new_password_and_ends_every_session,
    password_reset::a_19_known_and_unknown_numbers_get_the_same_answers,
    password_reset::a_poor_choice_costs_no_attempt,
    password_reset::a_20_who_asked_for_no_code_makes_nobody_judge_a_password,
    password_reset::r_17_codes_of_a_sign_in_and_of_a_reset_are_not_each_others,
    password_reset::a_proven_number_without_an_account_gets_one,
    password_reset::a_blocked_user_resets_nothing_and_hears_of_a_wrong_code,
    password_reset::r_30_a_locked_number_gets_a_new_password,
    failed_tries::r_11_all_spellings_of_a_number_share_a_lock_that_ends_in_time,
    failed_tries::a_05_r_02_of_100_parallel_wrong_passwords_ten_are_compared,
    failed_tries::i_12_r_30_a_stranger_cannot_keep_the_owner_out,
    failed_tries::thr_08_codes_by_number_and_passwords_count_on_one_lock,
    failed_tries::thr_04_a_success_clears_the_failures_of_the_number,
    failed_tries::failures_of_an_address_are_throttled_or_lock_it,
    failed_tries::r_12_an_address_is_that_of_the_client_and_one_network_is_one,
    profile::the_profile_shows_what_the_account_is_like,
    profile::what_is_named_changes_and_the_rest_stays,
    profile::what_cannot_be_a_name_or_an_address_is_refused_by_field,
    profile::csr_02_a_page_of_another_site_changes_nothing,
    phone_change::a_code_on_the_new_number_changes_the_number,
    phone_change::a_number_change_has_its_resends_and_the_limits_of_all_codes,
    phone_change::r_17_r_18_r_19_the_code_of_a_change_is_good_for_nobody_and_nothing_else,
    phone_change::a_change_needs_a_fresh_sign_in_and_another_number,
    phone_change::otp_10_r_20_a_password_alone_moves_no_number_and_deletes_nothing,
    phone_moves::otp_10_any_session_sees_and_stops_a_move,
    phone_moves::otp_10_of_two_apis_one_makes_a_move_that_is_due,
    phone_change::a_taken_number_is_told_after_the_right_code_only,
    phone_change::a_code_for_the_old_number_enters_no_more,
    phone_change::the_user_name_follows_the_number_unless_it_was_chosen,
    phone_change::of_two_users_who_want_one_number_at_once_one_gets_it,
    notices::f_01_a_notice_that_a_crash_left_over_comes_into_the_queue_once,
    deletion::prv_01_the_limits_of_a_number_outlive_its_account,
    deletion::i_05_prv_01_a_deleted_account_leaves_nothing_personal_in_any_table,
    deletion::prv_01_what_a_worker_writes_after_the_deletion_has_no_number,
    deletion::prv_01_a_look_that_a_stop_has_swallowed_is_made_at_the_next_start,
    deletion::whoever_comes_with_the_number_later_is_a_new_user,
    deletion::a_deletion_needs_a_fresh_sign_in_and_takes_the_cookies_along,
    deletion::a_deletion_and_a_sign_in_at_the_same_instant_leave_no_session_of_the_deleted,
    refreshing::ses_08_an_app_renews_its_tokens_and_a_copy_ends_the_session,
    refreshing::ses_09_a_lost_answer_is_given_again,
    refreshing::ses_09_an_answer_lost_for_minutes_is_given_again,
    refreshing::csr_01_a_browser_renews_by_its_cookie_with_or_without_a_body,
    refreshing::csr_02_another_site_cannot_use_the_cookie,
    refreshing::the_token_in_the_body_counts_where_both_are_there,
    refreshing::jwt_05_every_refused_token_gets_the_same_bytes,
    refreshing::bodies_that_are_no_refresh_are_refused_by_name,
    refreshing::a_20_renewing_has_limits_by_session_and_by_address,
    refreshing::a_30_of_20_parallel_refreshes_in_two_processes_all_get_one_successor,
    log_out::ses_04_an_app_logs_out_with_its_access_token,
    log_out::ses_04_a_refresh_token_logs_out_when_the_access_token_is_dead,
    log_out::csr_02_a_browser_logs_out_and_other_sites_cannot_do_it,
    log_out::ses_04_all_devices_are_logged_out_with_either_token,
    session_list::ses_06_one_sees_where_one_is_signed_in,
    session_list::ses_06_one_ends_a_session_from_another_device,
    session_list::ses_06_one_ends_all_other_sessions,
    session_list::csr_02_the_list_needs_a_sign_in_and_our_own_page,
    forged_tokens::jwt_03_a_token_says_all_that_it_must,
    forged_tokens::a_29_jwt_04_foreign_headers_are_refused,
    forged_tokens::a_29_jwt_01_the_public_key_is_no_secret,
    forged_tokens::a_29_jwt_03_wrong_claims_are_refused,
    forged_tokens::a_29_jwt_05_jwt_06_other_texts_are_refused,
    forged_tokens::a_38_jwt_06_a_token_of_a_megabyte_is_cut_off,
    limits::a_14_a_phone_gets_three_codes_in_two_minutes,
    limits::a_20_a_21_an_address_gets_its_requests_and_cannot_choose_another,
    limits::f_16_an_open_breaker_and_a_full_queue_refuse_with_the_time_to_wait,
    limits::thr_05_a_21_addresses_around_one_share_its_limit,
    limits::wrong_codes_of_everybody_close_the_way_by_number_only,
    limits::a_budget_of_messages_for_a_day_is_told_until_its_end,
    steps::a_newcomer_goes_from_a_number_to_tokens,
    steps::someone_with_a_password_is_asked_for_it,
    steps::a_user_without_a_password_keeps_the_account_and_loses_the_sessions,
    steps::no_step_is_skipped_or_replayed,
    steps::r_01_of_20_at_once_one_takes_a_step,
    steps::a_step_is_over_after_fifteen_minutes,
    steps::r_17_codes_and_sessions_of_other_flows_are_unknown,
    step_handles::the_first_id_is_good_all_the_way_and_repeated_in_each_answer,
    step_handles::after_a_lost_answer_the_flow_goes_on_with_the_same_id,
    step_handles::a_flow_that_begins_anew_under_its_id_keeps_it,
    step_handles::whoever_called_register_finishes_the_flow_and_nobody_else,
    step_handles::the_id_is_taken_from_a_body_only,
    step_refusals::r_08_a_14_a_phone_gets_no_more_codes_than_elsewhere,
    step_refusals::r_08_a_20_a_request_that_sends_nothing_costs_its_address_as_much,
    step_refusals::r_08_a_01_a_code_has_its_attempts,
    step_refusals::r_08_wrong_passwords_lock_the_number_in_every_way,
    step_refusals::whoever_has_no_such_password_gets_the_bytes_of_a_wrong_one,
    step_refusals::a_blocked_user_is_told_what_anyone_is,
    step_refusals::a_registration_is_sent_again_by_its_handle,
    step_refusals::a_password_that_is_refused_does_not_use_up_the_step,
    step_refusals::a_39_bodies_that_are_no_step_are_refused_by_name,
    step_refusals::step_flow_off_takes_the_paths_away,
    races::a_06_r_01_of_200_parallel_right_codes_one_opens_a_session,
    races::a_05_r_02_of_200_parallel_wrong_codes_three_are_honoured,
    origins::a_page_of_a_listed_origin_is_told_what_it_may,
    origins::a_31_csr_03_cookies_are_neither_made_nor_taken_across_origins,
    origins::a_31_csr_03_who_is_not_listed_hears_nothing_of_it,
    origins::a_page_of_our_own_keeps_its_cookies,
    origins::what_is_public_is_open_to_all_origins,
    interface::health_names_each_dependency,
    interface::the_documentation_is_served_from_the_binary,
    interface::every_call_is_documented_with_examples,
    description::the_description_is_one_that_generators_read,
    description::every_example_fits_its_schema_whatever_the_length_of_codes,
    description::every_example_of_a_body_is_taken_as_it_stands,
    description::the_examples_lead_through_an_account_by_cookie_and_by_token,
    interface::a_33_metrics_stand_at_zero_and_no_client_makes_a_series,
    interface::answers_speak_the_language_of_the_request,
    pages_sign_in::a_newcomer_signs_up_is_greeted_and_logs_out,
    pages_sign_in::a_person_is_told_of_an_account_after_the_right_code_only,
    pages_sign_in::a_code_is_sent_again_by_a_form_of_its_own,
    pages_sign_in::a_code_that_is_over_leads_on_to_a_new_one,
    pages_messages::where_the_message_is_is_told_to_whoever_asked,
    pages_messages::who_joins_a_root_is_told_of_their_own_message_alone,
    pages_messages::once_a_root_is_gone_the_first_message_is_told,
    pages_messages::a_call_that_is_asked_for_too_early_says_when,
    pages_sign_in::the_greeting_has_the_name_that_the_account_has,
    pages_staying::back_reload_and_a_second_tab_find_the_same_sign_in,
    pages_staying::who_comes_back_later_is_still_signed_in,
    pages_staying::the_chosen_language_wins_over_that_of_the_browser,
    pages_staying::addresses_of_other_sign_in_pages_lead_to_ours,
    pages_account::pages_of_an_account_lead_to_the_sign_in_and_back,
    pages_account::names_and_address_are_saved,
    pages_phone::a_number_is_changed_by_a_code_to_the_new_one,
    pages_devices::devices_are_listed_and_ended,
    pages_ending::an_account_is_deleted_by_whoever_types_the_word,
    pages_ending::who_proves_themselves_once_more_keeps_one_session,
    pages_counting::forms_that_cannot_be_read_are_counted,
    pages_passwords::a_password_is_set_and_logs_in,
    pages_passwords::a_log_in_that_fails_says_why_and_what_to_do,
    pages_passwords::a_flood_of_passwords_is_told_to_come_back_on_every_page,
    pages_passwords::a_forgotten_password_is_replaced_by_a_code,
    pages_passwords::a_change_needs_the_password_or_a_code_of_a_moment_ago,
    pages_staying::a_double_click_without_scripts_signs_in,
    pages_refusals::a_number_that_gets_no_code_is_told_why,
    pages_refusals::whoever_asks_too_often_is_told_how_long_to_wait,
    pages_refusals::a_gateway_or_queue_that_takes_nothing_is_told,
    pages_refusals::what_is_no_code_is_told_apart_and_costs_no_attempt,
    pages_refusals::wrong_paths_and_methods_are_pages_for_people,
    pages_defence::a_31_csr_02_forms_of_other_sites_do_nothing,
    pages_defence::a_browser_that_tells_nothing_shows_the_token_of_its_form,
    pages_defence::who_takes_no_cookies_is_told_at_the_second_try,
    pages_defence::a_40_nobody_is_led_to_another_site,
    pages_defence::a_25_markup_in_what_is_typed_is_text,
    pages_defence::a_31_ses_01_nothing_from_before_the_sign_in_is_good_after_it,
    pages_defence::numbers_and_codes_stand_in_no_address_title_or_open_cookie,
    attacks::a_10_r_08_there_is_no_call_that_looks_at_a_code_without_counting,
    attacks::a_16_a_17_whoever_uses_up_the_messages_of_a_number_leaves_its_owners_code_good,
    attacks::r_15_a_foreign_host_reaches_no_message_token_cookie_or_address,
    console_door::a_console_is_on_its_own_listener_and_asks_who_comes,
    console_door::a_session_of_staff_is_short_and_ends_with_the_role,
    console_door::csr_02_forms_of_other_sites_and_sessions_do_nothing,
    console_sign_in::a_first_sign_in_sets_an_app_up_and_later_ones_ask_for_it,
    console_sign_in::whoever_has_no_role_learns_nothing_at_the_sign_in,
    console_sign_in::thr_08_passwords_of_staff_count_on_the_lock_of_their_number,
    console_sign_in::a_05_codes_of_an_app_cannot_be_guessed,
    console_sign_in::a_link_signs_in_once_and_takes_no_second_factor_away,
    console_sign_in::what_destroys_asks_for_a_factor_once_more,
    console_roles::each_route_refuses_each_lesser_role,
    console_roles::roles_are_given_by_admins_and_never_to_oneself,
    console_roles::otp_11_a_role_goes_with_the_number_of_its_owner,
    console_roles::two_admins_cannot_take_the_role_from_each_other,
    console_people::a_user_is_found_by_whatever_is_known_of_them,
    console_people::a_25_markup_in_what_people_write_is_text_in_the_console,
    console_people::a_user_is_blocked_unblocked_verified_and_signed_out_with_a_reason,
    console_people::a_number_is_seen_whole_with_a_reason_for_ten_minutes_by_one_session,
    console_people::the_audit_log_is_read_page_by_page_and_by_what_is_wanted,
    console_people::settings_are_seen_and_no_secret,
    attacks::a_32_nobody_becomes_staff_by_a_member_more,
}
