//! Where is my code? Everything that is known of one number, or of one request, in the order in which
//! it happened, and one sentence on where the matter stands.
//!
//! | file | what it holds |
//! |---|---|
//! | `facts` | what the stores say, and which of them said nothing |
//! | `timeline` | the facts as events |
//! | `conclusion` | the closing sentence |
//! | `standing` | how account, limits, codes and service are now |
//! | `words` | the gateway's codes and the ledger's names as people say them |
//! | `times` | moments and spans as text |
//! | `report` | the whole |
//! | `answer` | what support tells the person who asks |
//! | `own` | what the person who waits is told |

mod answer;
mod conclusion;
mod facts;
mod own;
mod report;
mod standing;
mod timeline;
mod times;
mod words;

use chrono::{DateTime, FixedOffset, Utc};
use shared::hot_state::AcceptPolicy;
use shared::stores::Stores;

use facts::Facts;

pub use answer::{Answer, NotDelivered, NotSent};
pub use conclusion::Conclusion;
pub use facts::{NoAnswer, Question, Subject};
pub use own::{Outlook, OwnMessage, own_message};
pub use report::{Message, Report};
pub use standing::{Account, Breaker, Code, Limits, Service, Standing, Used};
pub use timeline::{Event, Failure, Happened};
pub use times::{Times, span};
pub use words::gateway as gateway_code_in_words;

/// Where an inquiry looks, and by which limits it judges.
#[derive(Debug)]
pub struct Inquiry<'a> {
    /// Where it looks.
    pub stores: &'a Stores,
    /// The rules of the accept step.
    pub policy: &'a AcceptPolicy,
    /// Whether all is in one process, whose worker is not counted.
    pub one_process: bool,
}

impl Inquiry<'_> {
    /// Looks everything up that the stores know. Changes nothing, and says what it can where a store
    /// is away.
    pub async fn answer(
        &self,
        question: Question,
        now: DateTime<Utc>,
        offset: Option<FixedOffset>,
    ) -> Result<Report, NoAnswer> {
        let facts = Facts::gather(self.stores, question, self.one_process, now).await?;
        Ok(Report::new(&facts, self.policy, offset))
    }
}
