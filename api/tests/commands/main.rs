//! The commands of the binary `api`, as an operator runs them: the real binary on real stores.

mod import;
mod import_files;
mod key_drill;
mod passwords;
mod site;
mod stage;

/// Makes two tests of each case, one on each kind of database.
macro_rules! on_both {
    ($($module:ident::$case:ident,)+) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(crate::stage::Database::sqlite().await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(crate::stage::Database::postgres().await).await;
                }
            )+
        }
    };
}

on_both! {
    passwords::a_superuser_is_made_at_a_terminal,
    passwords::a_superuser_is_made_by_a_script,
    passwords::a_password_is_changed_at_a_terminal_and_by_a_script,
    import::users_that_django_dumped_are_taken_over_with_their_passwords,
    import::a_table_and_lines_of_json_say_the_same,
    import::an_import_that_is_killed_goes_on_and_each_row_is_there_once,
    import::existing_accounts_stay_as_they_are,
    import_files::a_file_that_cannot_be_read_changes_nothing,
    import_files::rows_that_cannot_be_read_are_refused_alone,
    import_files::the_columns_and_the_models_can_be_named,
}
