//! What goes into the steps of hot state and what comes out.

use domain::challenge::{ChallengeId, Channel, Locale, NewChallenge};
use domain::client_address::ClientAddress;
use domain::clock::UnixMillis;
use domain::limits::{Quotas, Rule};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{NewSecret, Root, RootId};
use uuid::Uuid;

use super::limits::Subjects;
use crate::together::Interrupted;

/// One request for a code.
#[derive(Clone, Debug)]
pub struct Accept<'a> {
    /// A first code, or the same code again.
    pub request: AcceptRequest<'a>,
    /// Eight random bytes of this request: the same bytes are the same request.
    pub nonce: [u8; 8],
    /// How the code travels.
    pub channel: Channel,
    /// Who asks; `None` counts no address.
    pub caller: Option<ClientAddress>,
    /// W3C `traceparent` that the job carries on; validated by the caller.
    pub trace: Option<&'a str>,
    /// The id of the request, which the job carries on.
    pub request_id: Option<Uuid>,
    /// The session that began on the device, where it is known: then limits of its own take the place of those
    /// of the number.
    pub device: Option<Uuid>,
}

impl Accept<'_> {
    /// The number, where the request names it.
    pub(super) fn phone(&self) -> Option<&PhoneNumber> {
        match &self.request {
            AcceptRequest::New(new) => Some(&new.root.phone),
            AcceptRequest::Resend { phone, .. } => *phone,
        }
    }

    /// Who is counted. The phone is that of the request, or of the challenge that it names.
    pub(super) fn subjects(&self) -> Subjects<'_> {
        Subjects {
            caller: self.caller,
            device: self.device,
            ..Subjects::default()
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum AcceptRequest<'a> {
    /// A new challenge: on the root that the number has for this purpose, or on its own.
    New(&'a NewChallenge),
    /// The code of a challenge that exists, once more.
    Resend {
        /// The challenge.
        id: ChallengeId,
        /// The phone that the client says it is for, if it says so.
        phone: Option<&'a PhoneNumber>,
        /// The root that it goes on to where its own can no longer be shared.
        root: RootId,
        /// What that root is made of.
        secret: &'a NewSecret,
    },
}

/// While the oldest job waits longer, in milliseconds, capacity is shared out by
/// [`domain::limits::Quota::Share`].
pub(super) const BEHIND_MILLIS: i64 = 1_000;

/// The limits of the accept step and the life of what it makes.
#[derive(Clone, Debug)]
pub struct AcceptPolicy {
    /// How long a code lives, in milliseconds.
    pub code_life_millis: i64,
    /// How long a client waits before the code is sent again, in milliseconds.
    pub resend_cooldown_millis: i64,
    /// Attempts of one way that a challenge allows.
    pub max_attempts: u32,
    /// The limits.
    pub quotas: Quotas,
    /// No request is accepted while this many jobs wait.
    pub queue_max: u64,
    /// No request is accepted while the oldest job has waited longer, in milliseconds.
    pub queue_max_age_millis: i64,
}

/// How the accept step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A message is on its way: one of this request, or that of a moment ago.
    Sent(Grant),
    /// This very challenge was granted a message a moment ago; nothing was charged and nothing sent.
    Cooldown(Grant),
    /// Nothing was consumed.
    Refused {
        /// The rule that takes longest to allow the request.
        rule: Rule,
        /// When it will, in milliseconds.
        retry_after_millis: i64,
    },
    /// Its own code was used, or it is exhausted, expired or gone: a new one is needed.
    NotLive(Option<Previous>),
    /// The challenge belongs to another phone than the client says.
    OtherPhone,
}

impl Accepted {
    /// The name in traces; of a refusal that of its rule.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sent(_) => "sent",
            Self::Cooldown(_) => "cooldown",
            Self::Refused { rule, .. } => rule.as_str(),
            Self::NotLive(_) => "not_live",
            Self::OtherPhone => "other_phone",
        }
    }
}

/// What a live challenge grants its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whom the code is for.
    pub phone: PhoneNumber,
    /// What the code may be used for.
    pub purpose: Purpose,
    /// The store's time.
    pub now: UnixMillis,
    /// From this moment on the code is dead. Anyone who shares a root is told the life of any code, also
    /// where the root ends earlier: nobody learns that somebody else has asked.
    pub expires_at: UnixMillis,
    /// From this moment on the code can be sent again.
    pub resend_at: UnixMillis,
    /// How many messages of its root were granted.
    pub sends: u32,
    /// Whether one of them is this request's; within the cooldown of the root it is left out.
    pub texted: bool,
    /// The length of the code.
    pub digits: u8,
}

/// What is known of a challenge that no longer lives, so that a new one can follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Whom it was for.
    pub phone: PhoneNumber,
    /// What its code was for.
    pub purpose: Purpose,
    /// The language of its messages.
    pub locale: Locale,
}

/// One root that a code was compared with, which came with the number only.
#[derive(Clone, Copy, Debug)]
pub struct Guess<'a> {
    /// The record as it was read.
    pub root: &'a Root,
    /// Whether the code was right.
    pub right: bool,
}

/// What an attempt may claim, once it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The code was right, and closed its root. Whether it had its effect before, the records know.
    Right {
        /// The root whose code it was.
        root: RootId,
    },
    /// The code was right, but somebody else gave it back before.
    Used,
    /// The code was wrong.
    Wrong {
        /// Attempts that are left.
        attempts_left: u32,
    },
    /// There was no attempt left, whatever the code was.
    Exhausted,
    /// The time of the code is over.
    Expired,
    /// The challenge has vanished, or went on to another root since it was read.
    Gone,
}

impl Verdict {
    /// The name in traces.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Right { .. } => "right",
            Self::Used => "used",
            Self::Wrong { .. } => "wrong",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Gone => "gone",
        }
    }
}

/// Why hot state gave no answer. A caller refuses then; it never skips a limit.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HotStateError {
    /// The store is away or does not take writes; it is not known whether the call had its effect.
    #[error("hot state is unavailable: {0}")]
    Unavailable(Box<str>),
    /// What is left of its room is kept for what was accepted before. The call had no effect.
    #[error("hot state has no room for new requests")]
    Full,
    /// A record that cannot be read.
    #[error("hot state holds an unreadable record: {0}")]
    Corrupt(&'static str),
}

impl From<Interrupted> for HotStateError {
    fn from(_: Interrupted) -> Self {
        Self::Unavailable("it was interrupted".into())
    }
}
