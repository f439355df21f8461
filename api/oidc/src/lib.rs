//! The OpenID Connect provider: any site or app signs its people in through our pages.
//!
//! The pages themselves are in the crate `pages`; here is what programs talk to, and what may be asked.
//!
//! | module | what it is for |
//! |---|---|
//! | [`clients`] | the sites and apps that may ask, out of one file |
//! | [`authorization`] | what a client asks for when it leads somebody here, and what follows |
//! | `provider.rs` | all of it together, and its routes |
//! | `discovery.rs` | what libraries read first |
//! | `token/` | codes and refresh tokens become tokens; clients prove themselves |
//! | `back_channel/` | telling the servers of clients that somebody logged out |
//! | `userinfo.rs`, `revocation.rs` | what a token tells; giving it back |
//! | `parameters.rs`, `answers.rs`, `origins.rs` | what comes in; what goes out; scripts of other origins |

mod answers;
pub mod authorization;
mod back_channel;
pub mod clients;
mod discovery;
mod origins;
mod parameters;
mod provider;
mod revocation;
mod token;
mod userinfo;

pub use parameters::{Parameters, Repeated};
pub use provider::{Provider, StartError, open};
