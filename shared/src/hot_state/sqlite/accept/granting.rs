//! What a granted request for a code writes.

use domain::challenge::{Challenge, ChallengeId, Channel, Locale, SEND_MARGIN_MILLIS};
use domain::clock::UnixMillis;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{MAX_ROOT_MILLIS, NewSecret, Root, RootId};

use crate::hot_state::model::{Accept, AcceptPolicy, Grant};
use crate::queue::Job;
use crate::sqlite_file::Script;

const STORE_SEND: &str = "INSERT INTO hot_phone_sends (phone, at, texted) VALUES ($1, $2, $3)";
const BEGIN_ROOT: &str = "INSERT INTO hot_roots (id, phone, purpose, kid, salt, digits, created_at, \
     ends_at, last_send_at, channel, sends, forget_at, trace) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, 1, $10, $11)";
const SHARE_ROOT: &str = "UPDATE hot_roots SET ends_at = $2, last_send_at = $3, channel = $4, \
     sends = $5, forget_at = MAX(forget_at, $6) WHERE id = $1";
const BEGIN_CHALLENGE: &str = "INSERT INTO hot_challenges (id, root_id, nonce, locale, created_at, \
     expires_at, last_asked_at, forget_at, trace) VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8)";
const ASK_AGAIN: &str = "UPDATE hot_challenges SET root_id = $2, nonce = $3, expires_at = $4, \
     last_asked_at = $5, forget_at = MAX(forget_at, $6) WHERE id = $1";
pub(in super::super) const ENQUEUE: &str = "INSERT INTO jobs (payload, due_at) VALUES ($1, $2)";

/// What is asked for: by a new challenge, or by one that was there before.
pub(super) struct Asked {
    pub(super) id: ChallengeId,
    pub(super) phone: PhoneNumber,
    pub(super) purpose: Purpose,
    pub(super) locale: Locale,
    /// With the channel of the last message of its root.
    pub(super) before: Option<(Challenge, String)>,
}

/// Where the code of a granted request comes from.
pub(super) struct Place<'a> {
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
    pub(super) fn begun(
        root: RootId,
        secret: &'a NewSecret,
        now: UnixMillis,
        accept: &Accept<'_>,
    ) -> Self {
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
    pub(super) fn shared(
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

/// What a challenge that stays as it is grants its client.
pub(super) fn told(challenge: &Challenge, now: UnixMillis, policy: &AcceptPolicy) -> Grant {
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

/// Writes all of it, the job of its message too.
pub(super) fn grant(
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
