//! Cases that are written once and run on several stages.

/// Makes a test of each case on each stage: first the modules of the tests with what each begins a case
/// with, then the cases.
///
/// ```
/// mod counting {
///     pub(crate) async fn begins_at_zero(store: u32) {
///         assert_eq!(store, 0);
///     }
/// }
///
/// harness::on_each! {
///     on_paper => 0, on_stone => 0;
///     counting::begins_at_zero,
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! on_each {
    ($($stage:ident => $begin:expr),+; $($module:ident::$case:ident,)+) => {
        $crate::on_each!(@stages [$($stage => $begin),+] { $($module::$case,)+ });
    };
    (@stages [$($stage:ident => $begin:expr),+] $cases:tt) => {
        $($crate::on_each!(@stage $stage, $begin, $cases);)+
    };
    (@stage $stage:ident, $begin:expr, { $($module:ident::$case:ident,)+ }) => {
        mod $stage {
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $module::$case($begin).await;
                }
            )+
        }
    };
}
