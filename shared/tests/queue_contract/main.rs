//! The definition of the queue: every case runs on the Redis stream and on the SQLite table.

mod answers;
mod codes;
mod dead_letters;
mod delivering;
mod fail_over;
mod full_redis;
mod living;
mod real_codes;
mod redis_trouble;
mod running;
mod runs;
mod stage;
#[path = "../stores/stores.rs"]
mod stores;
mod versions;

use stage::Stage;

harness::on_each! {
    on_redis => &Stage::redis().await, on_sqlite => &Stage::sqlite().await;
    delivering::a_read_takes_what_is_free_and_no_more_oldest_first,
    delivering::q_04_a_worker_that_lost_a_job_cannot_settle_it,
    delivering::a_repeated_settlement_is_stale,
    delivering::a_delayed_job_comes_back_when_it_is_due_and_counts_the_attempt,
    delivering::a_postponed_job_comes_back_when_it_is_due_and_counts_nothing,
    delivering::a_dead_letter_is_kept_with_its_reason_and_never_comes_back,
    dead_letters::dead_letters_are_listed_the_newest_first_and_page_by_page,
    dead_letters::a_dead_letter_that_is_put_back_runs_like_a_job_that_was_put_off,
    dead_letters::a_dead_letter_is_put_back_or_dropped_once,
    dead_letters::an_id_that_the_queue_never_gave_out_finds_nothing,
    delivering::a_job_that_is_given_back_can_be_taken_at_once_and_counts_nothing,
    delivering::a_job_that_was_put_off_and_given_back_still_says_nothing_about_the_queue,
    delivering::a_job_that_is_kept_alive_is_no_orphan,
    delivering::keeping_alive_does_not_take_a_lost_job_back,
    delivering::leaving_loses_no_job,
    delivering::i_10_finished_jobs_leave_nothing_behind,
    living::a_quiet_worker_lives_for_as_long_as_it_says_so,
    living::a_worker_without_work_tells_that_it_lives_until_it_stops,
    living::workers_that_died_are_forgotten,
    living::a_clock_that_was_set_back_makes_no_dead_worker_live,
    running::every_job_runs_once_over_two_workers,
    running::i_01_a_job_is_settled_only_after_its_run,
    running::no_more_jobs_run_at_once_than_there_are_slots,
    running::a_notice_runs_like_any_job,
    running::f_18_poison_is_buried_and_its_neighbours_run,
    running::f_18_a_panicking_handler_is_buried_after_three_runs,
    running::f_25_a_job_of_a_later_version_is_parked_for_a_later_worker,
    running::q_05_r_33_orphans_are_taken_over_before_new_work,
    running::q_09_a_job_that_two_workers_died_over_runs_alone,
    running::a_job_that_workers_died_over_does_not_close_the_service,
    running::q_09_a_job_that_kills_its_worker_three_times_is_buried,
    running::f_14_a_stop_finishes_what_runs_and_gives_back_what_waits,
}

#[tokio::test]
async fn f_25_the_names_of_consumers_go_with_their_workers() {
    living::the_names_of_consumers_go_with_their_workers(&Stage::redis().await).await;
}
