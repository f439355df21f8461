//! The commands of the binary `api`, as an operator runs them: the real binary on real stores.

mod clients;
mod import;
mod import_files;
mod key_drill;
mod moves;
mod passwords;
mod site;
mod stage;
mod why;

harness::on_each! {
    sqlite => stage::Database::sqlite().await, postgres => stage::Database::postgres().await;
    passwords::a_superuser_is_made_at_a_terminal,
    passwords::a_superuser_is_made_by_a_script,
    passwords::a_password_is_changed_at_a_terminal_and_by_a_script,
    moves::otp_10_a_number_is_moved_with_a_reason_and_can_be_stopped,
    import::users_that_django_dumped_are_taken_over_with_their_passwords,
    import::a_table_and_lines_of_json_say_the_same,
    import::an_import_that_is_killed_goes_on_and_each_row_is_there_once,
    import::existing_accounts_stay_as_they_are,
    import_files::a_file_that_cannot_be_read_changes_nothing,
    import_files::rows_that_cannot_be_read_are_refused_alone,
    import_files::the_columns_and_the_models_can_be_named,
    import_files::files_of_windows_are_read_as_they_are,
    import_files::numbers_that_went_through_a_spreadsheet_are_read_or_refused,
}

/// The same for cases of `api why`, which begin so many seconds ago.
macro_rules! on_both_shapes {
    ($($case:ident: $seconds:literal,)+) => {
        mod why_in_one_file {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::why::$case(crate::why::Service::sqlite($seconds).await).await;
                }
            )+
        }

        mod why_in_production {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::why::$case(crate::why::Service::postgres($seconds).await).await;
                }
            )+
        }
    };
}

on_both_shapes! {
    a_code_that_was_delivered_and_used: 40,
    a_code_that_was_delivered_and_expired: 200,
    a_code_that_waits_to_be_typed_in: 5,
    a_message_that_did_not_reach_the_phone: 20,
    a_message_that_the_gateway_refused: 20,
    a_message_that_did_not_go_out: 20,
    a_message_of_which_nobody_knows: 20,
    a_message_whose_worker_died: 60,
    the_same_code_sent_again: 60,
    no_worker_is_there: 10,
    the_breaker_is_open: 10,
    the_phone_is_at_its_limit: 20,
    the_phone_was_at_its_limit: 200,
    a_lock_of_the_phone_is_told: 20,
    a_blocked_user_is_told: 20,
    a_store_that_is_away_takes_nothing_of_the_others: 20,
    of_a_number_without_a_code_nothing_is_known: 20,
    what_is_no_number_and_leads_nowhere_is_told: 20,
    a_challenge_is_asked_for_by_its_id: 20,
    a_request_is_asked_for_by_its_id: 20,
    a_deleted_account_leaves_no_trail_to_its_number: 300,
    news_of_a_change_stands_in_the_timeline: 20,
    times_are_shown_at_an_offset: 20,
}
