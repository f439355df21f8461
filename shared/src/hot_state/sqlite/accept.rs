//! The accept step inside one transaction; the twin of `redis/accept.lua`.

mod granting;

use std::mem;

use domain::clock::UnixMillis;
use domain::limits::{Quota, Rule};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{Root, shared_for_millis};
use sqlx::SqliteConnection;

use super::codes::Found;
use super::guards::{self, Guarded, SoughtGuards};
use super::limits::{Counted, Looked, Looking};
use super::phone_state::remember_refusal;
use super::row::RootRow;
use super::{codes, unavailable};
use crate::hot_state::limits::{Row, asked_rows, rules_of_number};
use crate::hot_state::model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, HotStateError, Previous,
};
use crate::sqlite_file::{Answers, Question, Script};
pub(super) use granting::ENQUEUE;
use granting::{Asked, Place, grant, told};

const NEWEST_ROOT: &str = "SELECT * FROM hot_roots WHERE phone = $1 AND purpose = $2 \
     ORDER BY created_at DESC LIMIT 1";

/// What is known of the number beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// What it was called if its account was deleted lately.
    pub(super) erased: Option<&'a str>,
    /// Whether some limits leave it alone.
    pub(super) exempt: bool,
}

/// What it writes is left in `to_write`, for the way to the connection that comes next; it begins with what the step
/// before has left there.
pub(super) async fn accept(
    connection: &mut SqliteConnection,
    to_write: &mut Script,
    now: UnixMillis,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
    known: Known<'_>,
) -> Result<Accepted, HotStateError> {
    let (id, new_root, secret) = match &accept.request {
        AcceptRequest::New(new) => (new.id, new.root.id, &new.root.secret),
        AcceptRequest::Resend {
            id, root, secret, ..
        } => (*id, *root, *secret),
    };
    let mut script = mem::take(to_write);
    let found = codes::ask(&mut script, id, None);
    // Whose number is known already: all that has to be known of it is asked at once.
    let questions = match &accept.request {
        AcceptRequest::New(new) => {
            let (phone, purpose) = (&new.root.phone, new.root.purpose);
            Some(Questions::ask(
                &mut script,
                now,
                phone,
                purpose,
                accept,
                policy,
                known,
            ))
        }
        AcceptRequest::Resend { .. } => None,
    };
    let mut answers = script.run(connection).await.map_err(unavailable)?;
    let asked = match asked_for(found.read(&answers)?, now, accept, policy)? {
        Ok(asked) => asked,
        Err(told) => return Ok(told),
    };
    let questions = if let Some(questions) = questions {
        questions
    } else {
        let mut script = Script::default();
        let (phone, purpose) = (&asked.phone, asked.purpose);
        let questions = Questions::ask(&mut script, now, phone, purpose, accept, policy, known);
        answers = script.run(connection).await.map_err(unavailable)?;
        questions
    };
    let newest = questions.newest.map(|newest| answers.first(newest));
    let newest = newest.transpose().map_err(unavailable)?.flatten();
    let looked = questions.read(connection, &answers, now, accept, policy);
    let looked = match looked.await? {
        Ok(looked) => looked,
        Err((rule, retry_after_millis)) => {
            if rules_of_number().any(|of_number| of_number == rule) {
                remember_refusal(to_write, &asked.phone, rule, now);
            }
            return Ok(Accepted::Refused {
                rule,
                retry_after_millis,
            });
        }
    };
    let place = match shared_root(newest, now, &asked, policy)? {
        Some((root, channel)) => Place::shared(&root, &channel, now, accept, policy),
        None => Place::begun(new_root, secret, now, accept),
    };
    looked.count(to_write, now);
    let granted = grant(to_write, now, &asked, &place, accept, policy);
    Ok(Accepted::Sent(granted))
}

/// What is asked for, or what a request is told that asks for nothing more.
fn asked_for(
    found: Option<Found>,
    now: UnixMillis,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Result<Result<Asked, Accepted>, HotStateError> {
    let mut nonce = None;
    let mut present = None;
    let mut last_channel = String::new();
    if let Some(found) = found {
        nonce = Some(found.row.nonce.clone());
        last_channel = found.channel;
        let mut challenge = found.row.on(found.root)?;
        if challenge.last_asked_at > now {
            // The clock was set back since.
            challenge.last_asked_at = now - policy.resend_cooldown_millis;
        }
        present = Some(challenge);
    }
    if let Some(challenge) = &present
        && nonce.as_deref() == Some(&accept.nonce[..])
    {
        return Ok(Err(Accepted::Sent(told(challenge, now, policy))));
    }
    let id = match &accept.request {
        AcceptRequest::New(new) => new.id,
        AcceptRequest::Resend { id, .. } => *id,
    };
    Ok(Ok(match (&accept.request, present) {
        (AcceptRequest::New(_), Some(_)) => {
            return Err(HotStateError::Corrupt("this challenge id is taken"));
        }
        (AcceptRequest::New(new), None) => Asked {
            id,
            phone: new.root.phone.clone(),
            purpose: new.root.purpose,
            locale: new.locale,
            before: None,
        },
        (AcceptRequest::Resend { .. }, None) => return Ok(Err(Accepted::NotLive(None))),
        (AcceptRequest::Resend { phone, .. }, Some(challenge)) => {
            if phone.is_some_and(|phone| *phone != challenge.root.phone) {
                return Ok(Err(Accepted::OtherPhone));
            }
            let lives =
                now < challenge.expires_at && challenge.session_attempts < policy.max_attempts;
            if lives && now < challenge.last_asked_at + policy.resend_cooldown_millis {
                return Ok(Err(Accepted::Cooldown(told(&challenge, now, policy))));
            }
            if !lives || challenge.is_honoured() {
                return Ok(Err(Accepted::NotLive(Some(Previous {
                    phone: challenge.root.phone,
                    purpose: challenge.root.purpose,
                    locale: challenge.locale,
                }))));
            }
            Asked {
                id,
                phone: challenge.root.phone.clone(),
                purpose: challenge.root.purpose,
                locale: challenge.locale,
                before: Some((challenge, last_channel)),
            }
        }
    }))
}

/// What has to be known of a number before a request is granted.
struct Questions {
    guards: SoughtGuards,
    limits: Looking,
    /// The shares of capacity, which count only while messages wait.
    shares: Vec<Row>,
    newest: Option<Question>,
}

impl Questions {
    fn ask(
        script: &mut Script,
        now: UnixMillis,
        phone: &PhoneNumber,
        purpose: Purpose,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        known: Known<'_>,
    ) -> Self {
        let subjects = accept.subjects();
        let (shares, rows): (Vec<_>, Vec<_>) = asked_rows(&subjects, &policy.quotas, known.exempt)
            .into_iter()
            .partition(|row| matches!(row.quota, Quota::Share { .. }));
        let counted = Counted {
            phone: Some(phone),
            erased: known.erased,
            subjects: &subjects,
        };
        Self {
            guards: guards::ask(script, now),
            limits: Looking::ask(script, now, &rows, counted),
            shares,
            newest: purpose.shares_roots().then(|| {
                script
                    .add(NEWEST_ROOT)
                    .bind(phone.as_e164())
                    .bind(purpose.as_str())
                    .question()
            }),
        }
    }

    /// The limits after a look at each, or the rule that refuses, and for how long.
    async fn read(
        self,
        connection: &mut SqliteConnection,
        answers: &Answers,
        now: UnixMillis,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
    ) -> Result<Result<Looked, (Rule, i64)>, HotStateError> {
        let guarded = self.guards.read(connection, answers, now, policy);
        let behind = match guarded.await? {
            Guarded::Open { behind } => behind,
            Guarded::Refused {
                rule,
                retry_after_millis,
            } => return Ok(Err((rule, retry_after_millis))),
        };
        let mut looked = Looked::default();
        looked.add(self.limits, answers, now)?;
        if behind {
            let counted = Counted {
                phone: None,
                erased: None,
                subjects: &accept.subjects(),
            };
            let mut script = Script::default();
            let shares = Looking::ask(&mut script, now, &self.shares, counted);
            let answers = script.run(connection).await.map_err(unavailable)?;
            looked.add(shares, &answers, now)?;
        }
        Ok(looked.refused().map_or(Ok(looked), Err))
    }
}

/// The root whose code this request gets too, with the channel of its last message: the newest of the
/// number for this purpose, else the one that the challenge is on, while it may be shared.
fn shared_root(
    newest: Option<RootRow>,
    now: UnixMillis,
    asked: &Asked,
    policy: &AcceptPolicy,
) -> Result<Option<(Root, String)>, HotStateError> {
    let own = asked.before.as_ref();
    let own = own.map(|(challenge, channel)| (challenge.root.clone(), channel.clone()));
    if !asked.purpose.shares_roots() {
        return Ok(own);
    }
    let newest = newest.map(RootRow::with_channel).transpose()?;
    let may_be_shared = |root: &Root| {
        root.closed.is_none() && now <= root.created_at + shared_for_millis(policy.code_life_millis)
    };
    let mut candidates = newest.into_iter().chain(own);
    Ok(candidates.find(|(root, _)| may_be_shared(root)))
}
