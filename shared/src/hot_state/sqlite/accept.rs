//! The accept step inside one transaction; the twin of `redis/accept.lua`.

use std::mem;

use domain::challenge::{Challenge, ChallengeId, Channel, Locale, SEND_MARGIN_MILLIS};
use domain::clock::UnixMillis;
use domain::limits::Quota;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{MAX_ROOT_MILLIS, NewSecret, Root, RootId, shared_for_millis};
use sqlx::SqliteConnection;

use super::guards::{self, Guarded, SoughtGuards};
use super::limits::{Counted, Looked, Looking};
use super::phone_state::remember_refusal;
use super::row::RootRow;
use super::{codes, unavailable};
use crate::hot_state::limits::{Row, asked_rows, rules_of_number};
use crate::hot_state::model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Grant, HotStateError, Previous,
};
use crate::queue::Job;
use crate::sqlite_file::{Question, Script};

const STORE_SEND: &str = "INSERT INTO hot_phone_sends (phone, at, texted) VALUES ($1, $2, $3)";
const NEWEST_ROOT: &str = "SELECT * FROM hot_roots WHERE phone = $1 AND purpose = $2 \
     ORDER BY created_at DESC LIMIT 1";
const BEGIN_ROOT: &str = "INSERT INTO hot_roots (id, phone, purpose, kid, salt, digits, created_at, \
     ends_at, last_send_at, channel, sends, forget_at, trace) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, 1, $10, $11)";
const SHARE_ROOT: &str = "UPDATE hot_roots SET ends_at = $2, last_send_at = $3, channel = $4, \
     sends = $5, forget_at = MAX(forget_at, $6) WHERE id = $1";
const BEGIN_CHALLENGE: &str = "INSERT INTO hot_challenges (id, root_id, nonce, locale, created_at, \
     expires_at, last_asked_at, forget_at, trace) VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8)";
const ASK_AGAIN: &str = "UPDATE hot_challenges SET root_id = $2, nonce = $3, expires_at = $4, \
     last_asked_at = $5, forget_at = MAX(forget_at, $6) WHERE id = $1";
pub(super) const ENQUEUE: &str = "INSERT INTO jobs (payload, due_at) VALUES ($1, $2)";

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
    let mut nonce = None;
    let mut present = None;
    let mut last_channel = String::new();
    if let Some(found) = found.read(&answers)? {
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
        return Ok(Accepted::Sent(told(challenge, now, policy)));
    }
    let asked = match (&accept.request, present) {
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
        (AcceptRequest::Resend { .. }, None) => return Ok(Accepted::NotLive(None)),
        (AcceptRequest::Resend { phone, .. }, Some(challenge)) => {
            if phone.is_some_and(|phone| *phone != challenge.root.phone) {
                return Ok(Accepted::OtherPhone);
            }
            let lives =
                now < challenge.expires_at && challenge.session_attempts < policy.max_attempts;
            if lives && now < challenge.last_asked_at + policy.resend_cooldown_millis {
                return Ok(Accepted::Cooldown(told(&challenge, now, policy)));
            }
            if !lives || challenge.is_honoured() {
                return Ok(Accepted::NotLive(Some(Previous {
                    phone: challenge.root.phone,
                    purpose: challenge.root.purpose,
                    locale: challenge.locale,
                })));
            }
            Asked {
                id,
                phone: challenge.root.phone.clone(),
                purpose: challenge.root.purpose,
                locale: challenge.locale,
                before: Some((challenge, last_channel)),
            }
        }
    };
    let questions = match questions {
        Some(questions) => questions,
        None => {
            let mut script = Script::default();
            let (phone, purpose) = (&asked.phone, asked.purpose);
            let asked = Questions::ask(&mut script, now, phone, purpose, accept, policy, known);
            answers = script.run(connection).await.map_err(unavailable)?;
            asked
        }
    };
    let guarded = questions.guards.read(connection, &answers, now, policy);
    let behind = match guarded.await? {
        Guarded::Open { behind } => behind,
        Guarded::Refused {
            rule,
            retry_after_millis,
        } => {
            return Ok(Accepted::Refused {
                rule,
                retry_after_millis,
            });
        }
    };
    let mut looked = Looked::default();
    looked.add(questions.limits, &answers, now)?;
    if behind {
        let counted = Counted {
            phone: None,
            erased: None,
            subjects: &accept.subjects(),
        };
        let mut script = Script::default();
        let shares = Looking::ask(&mut script, now, &questions.shares, counted);
        let answers = script.run(connection).await.map_err(unavailable)?;
        looked.add(shares, &answers, now)?;
    }
    if let Some((rule, retry_after_millis)) = looked.refused() {
        if rules_of_number().any(|of_number| of_number == rule) {
            remember_refusal(to_write, &asked.phone, rule, now);
        }
        return Ok(Accepted::Refused {
            rule,
            retry_after_millis,
        });
    }
    let newest = questions.newest.map(|newest| answers.first(newest));
    let newest = newest.transpose().map_err(unavailable)?.flatten();
    let place = match shared_root(newest, now, &asked, policy)? {
        Some((root, channel)) => Place::shared(&root, &channel, now, accept, policy),
        None => Place::begun(new_root, secret, now, accept),
    };
    looked.count(to_write, now);
    let granted = grant(to_write, now, &asked, &place, accept, policy);
    Ok(Accepted::Sent(granted))
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
}

/// What is asked for: by a new challenge, or by one that was there before.
struct Asked {
    id: ChallengeId,
    phone: PhoneNumber,
    purpose: Purpose,
    locale: Locale,
    /// With the channel of the last message of its root.
    before: Option<(Challenge, String)>,
}

/// Where the code of a granted request comes from.
struct Place<'a> {
    root: RootId,
    /// What a root that begins is made of; nothing where one is shared.
    begins: Option<&'a NewSecret>,
    began_at: UnixMillis,
    ends_at: UnixMillis,
    digits: u8,
    sends: u32,
    /// Whether a message goes.
    texted: bool,
    last_send_at: UnixMillis,
    channel: Channel,
}

impl<'a> Place<'a> {
    fn begun(root: RootId, secret: &'a NewSecret, now: UnixMillis, accept: &Accept<'_>) -> Self {
        Self {
            root,
            begins: Some(secret),
            began_at: now,
            ends_at: now,
            digits: secret.digits,
            sends: 1,
            texted: true,
            last_send_at: now,
            channel: accept.channel,
        }
    }

    /// Within the cooldown the message of a moment ago serves this request too.
    fn shared(
        root: &Root,
        channel: &str,
        now: UnixMillis,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
    ) -> Self {
        let last_channel = Channel::from_name(channel).unwrap_or_default();
        let last_send_at = root.last_send_at.min(now);
        let texted =
            now >= last_send_at + policy.resend_cooldown_millis || accept.channel != last_channel;
        Self {
            root: root.id,
            begins: None,
            began_at: root.created_at,
            ends_at: root.ends_at,
            digits: root.digits,
            sends: root.sends + u32::from(texted),
            texted,
            last_send_at: if texted { now } else { last_send_at },
            channel: if texted { accept.channel } else { last_channel },
        }
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

/// What a challenge that stays as it is grants its client.
fn told(challenge: &Challenge, now: UnixMillis, policy: &AcceptPolicy) -> Grant {
    Grant {
        phone: challenge.root.phone.clone(),
        purpose: challenge.root.purpose,
        now,
        expires_at: challenge.expires_at,
        resend_at: challenge.last_asked_at + policy.resend_cooldown_millis,
        sends: challenge.root.sends,
        texted: challenge.root.last_send_at == challenge.last_asked_at,
        digits: challenge.root.digits,
    }
}

fn grant(
    script: &mut Script,
    now: UnixMillis,
    asked: &Asked,
    place: &Place<'_>,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Grant {
    // Anyone who shares a root is told the life of any code, also where the root ends before: nobody learns
    // that somebody else has asked. That its code is over then is for anyone who counts.
    let dies_at = place.began_at + MAX_ROOT_MILLIS;
    let mut expires_at = now + policy.code_life_millis;
    if !asked.purpose.shares_roots() {
        let before = asked
            .before
            .as_ref()
            .map_or(0, |(before, _)| before.expires_at);
        expires_at = expires_at.min(dies_at).max(before);
    }
    script
        .add(STORE_SEND)
        .bind(asked.phone.as_e164())
        .bind(now)
        .bind(place.texted);
    store_root(script, now, asked, place, accept, expires_at);
    let forget_at = expires_at + (expires_at - now);
    let (id, root) = (&asked.id.as_bytes()[..], &place.root.as_bytes()[..]);
    let nonce = &accept.nonce[..];
    if asked.before.is_some() {
        script
            .add(ASK_AGAIN)
            .bind(id)
            .bind(root)
            .bind(nonce)
            .bind(expires_at)
            .bind(now)
            .bind(forget_at);
    } else {
        script
            .add(BEGIN_CHALLENGE)
            .bind(id)
            .bind(root)
            .bind(nonce)
            .bind(asked.locale.as_str())
            .bind(now)
            .bind(expires_at)
            .bind(forget_at)
            .bind(accept.trace);
    }
    if place.texted {
        let deadline = expires_at.min(dies_at) - SEND_MARGIN_MILLIS;
        let trace = accept.trace.map(str::to_owned);
        let job = Job::send(
            asked.id,
            place.root,
            place.sends,
            accept.channel,
            now,
            deadline,
            trace,
        )
        .of_request(accept.request_id);
        script.add(ENQUEUE).bind(job.encode()).bind(now);
    }
    Grant {
        phone: asked.phone.clone(),
        purpose: asked.purpose,
        now,
        expires_at,
        resend_at: now + policy.resend_cooldown_millis,
        sends: place.sends,
        texted: place.texted,
        digits: place.digits,
    }
}

fn store_root(
    script: &mut Script,
    now: UnixMillis,
    asked: &Asked,
    place: &Place<'_>,
    accept: &Accept<'_>,
    expires_at: UnixMillis,
) {
    let dies_at = place.began_at + MAX_ROOT_MILLIS;
    let ends_at = expires_at.min(dies_at).max(place.ends_at);
    let forget_at = (ends_at + (ends_at - place.began_at))
        .max(expires_at + (expires_at - now))
        .max(dies_at);
    let root = &place.root.as_bytes()[..];
    match place.begins {
        Some(secret) => script
            .add(BEGIN_ROOT)
            .bind(root)
            .bind(asked.phone.as_e164())
            .bind(asked.purpose.as_str())
            .bind(&secret.kid)
            .bind(&secret.salt.as_bytes()[..])
            .bind(secret.digits)
            .bind(now)
            .bind(ends_at)
            .bind(place.channel.as_str())
            .bind(forget_at)
            .bind(accept.trace),
        None => script
            .add(SHARE_ROOT)
            .bind(root)
            .bind(ends_at)
            .bind(place.last_send_at)
            .bind(place.channel.as_str())
            .bind(place.sends)
            .bind(forget_at),
    };
}
