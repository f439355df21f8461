//! The use cases of Ramz: what happens when somebody asks for a code, gives it back, signs in,
//! changes a password or a number. They know no HTTP: values in, values and [`refusal`]s out, so that
//! every face (JSON, pages, console) says the same.
//!
//! Each use case is a function over [`Flows`]. A newcomer's order of reading: [`Flows`], then
//! [`otp`] for the two that matter, and [`refusal`] for everything that can be refused.
//!
//! | module | what it is for |
//! |---|---|
//! | [`otp`] | asking for a code, giving it back, signing in |
//! | [`password`] | logging in with a password, setting, changing and resetting one |
//! | [`sessions`] | who is signed in; renewing, listing and ending sessions |
//! | [`profile`] | names, e-mail, number and end of an account |
//! | [`steps`] | registration and log-in in steps |
//! | [`grants`] | what sites and apps get of somebody who signs in to them through us |
//! | [`staff`] | what the staff does in the console |
//! | [`inquiry`] | what became of somebody's code |
//! | [`messages`], [`overview`] | lists and figures for the staff |
//! | [`delivery_reports`], [`readiness`], [`background`] | what nobody asks for by hand |

pub mod background;
mod call_limits;
mod caller;
mod clock_watch;
pub mod delivery_reports;
mod flows;
pub mod grants;
pub mod inquiry;
mod known_devices;
pub mod messages;
mod metrics;
mod notices;
mod number_logs;
pub mod otp;
pub mod overview;
pub mod password;
pub mod profile;
pub mod readiness;
pub mod refusal;
mod refused;
pub mod sessions;
mod signed_in;
pub mod staff;
pub mod steps;
mod tries;

pub use caller::Caller;
pub use flows::{Flows, FlowsParts};
pub use metrics::LogoutResult;
pub use metrics::{CountedUseCase, FlowMetrics};
pub use refusal::{Refusal, RefusalCode};
pub use signed_in::SignedIn;
pub use tries::TRY_REFUSALS;
