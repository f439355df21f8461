//! The client of the SMS gateway Kavenegar (REST API, version 1).
//!
//! What matters here is to know what became of a message. The gateway has no duplicate
//! suppression for its template route, so a message may be repeated only when it surely did not
//! leave or when the gateway said so; [`SendOutcome`] keeps these cases apart and
//! [`Gateway::deliver`] makes exactly one HTTP request.
//!
//! The API key is part of every URL and the gateway's answers contain the code. So nothing of a
//! request, of an answer or of an error of the HTTP library leaves this module: what comes out
//! are numbers and the closed enums below.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings` | what the client is made of, and what contradicts |
//! | `text` | the words of a message that is sent without a template |
//! | `client` | the client; sending |
//! | `reads` | asking: deliveries, credit, settings of the account |
//! | `transport` | one HTTP exchange, and whether a request left |
//! | `envelope` | the lenient reading of answers |
//! | `status` | the gateway's code tables |
//! | `outcome` | what became of a message |

mod client;
mod envelope;
mod outcome;
mod reads;
mod settings;
mod status;
mod text;
mod transport;

pub use client::{Gateway, Message, NoticeMessage, SendCall};
pub use outcome::{RefusalClass, RefusedBy, SendOutcome};
pub use reads::{AccountConfig, AccountInfo, MAX_STATUS_IDS, ReadError, StatusRow};
pub use settings::{DEFAULT_BASE_URL, GatewaySettings, GatewaySetupError};
pub use status::{Class, Method, class_of};
pub use text::{notice_text, sms_text};
pub use transport::{NotSentReason, UnknownReason};
