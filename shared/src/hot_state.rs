//! What lives minutes: challenges, limits, the entry of the queue and the gate before the gateway.
//!
//! [`HotState`] is one type over two back ends. In Redis each step that must not be torn apart is
//! one script and one round trip; in the SQLite file it is one `BEGIN IMMEDIATE` transaction. One
//! contract suite (`shared/tests/hot_state_contract`) runs on both and calls every public method.
//!
//! Validity is decided by the times inside the records, which the scripts compare with the time of
//! Redis itself; expiry of keys only collects garbage.

/// Calls the method of the back end that is in use, under the time limit of all calls.
macro_rules! call {
    ($self:ident, $state:ident => $call:expr) => {
        tokio::time::timeout($self.call_limit(), async {
            match &$self.backend {
                Backend::Redis($state) => $call.await,
                // Its futures are large, and those on Redis would be as large for them.
                Backend::Sqlite($state) => Box::pin($call).await,
            }
        })
        .await
        .unwrap_or(Err(HotStateError::Unavailable("no answer in time".into())))
        .map_err(|error| $self.placed(error))
    };
}

mod exemptions;
mod following;
pub mod gate;
mod limits;
mod living;
mod locks;
mod memory;
mod model;
pub mod number_logs;
mod phone_state;
mod redis;
mod refusals;
mod room;
mod sqlite;
mod unanswered;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use exemptions::{Exemption, LONGEST_EXEMPTION, MOST_EXEMPTIONS};
pub use gate::{Admission, OpenBreaker};
pub use limits::{Count, Subjects};
pub use living::LivingRoot;
pub use locks::{Lock, LockOf};
pub use model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Grant, Guess, HotStateError, Previous, Verdict,
};
pub use phone_state::{PhoneRefusals, PhoneState};
pub use refusals::{LastRefusal, RuleRefusals};
pub use room::Fill;
pub use unanswered::{Cancelled, Unanswered};

use domain::challenge::{Challenge, ChallengeId};
use domain::client_address::ClientAddress;
use domain::clock::{Clock, UnixMillis};
use domain::limits::{Quotas, Step};
use domain::otp::KeyRing;
use domain::phone::PhoneNumber;
use domain::root::{Root, RootId};

use memory::Memory;
use room::Room;

use crate::records::Records;
use crate::redis_store::RedisStore;
use crate::sqlite_file::SqliteFile;

/// How many roots of a phone are tried when a code comes with the number only: two can live at once,
/// and three of a release that began one with each request.
pub const PHONE_ROOTS: usize = 3;

/// So long anyone who closed a root may give the code again: the answer of a sign-in that was lost is given
/// once more within that time, also where the code has died meanwhile.
const REPEATED_FOR_MILLIS: i64 = 60_000;

/// How long a request of a client waits for its person: long enough for a message that is late.
const AUTHORIZATION_REQUEST_MILLIS: i64 = 15 * 60_000;

/// The longest body of a request of a client that is kept.
pub const MAX_AUTHORIZATION_REQUEST_BYTES: usize = 8 * 1024;

/// What a request of a client is known by: a hash of what only its browser knows.
pub type AuthorizationRequestId = [u8; 32];

/// How long it is remembered that a notice is in the queue, or was: longer than its row can wait to
/// be marked. After that the ledger alone keeps it from being sent twice.
const NOTICE_MARK_MILLIS: i64 = 25 * 60 * 60 * 1000;

/// No call takes longer, so that a client hears of a Redis that is away within a second.
const REDIS_CALL_LIMIT: Duration = Duration::from_millis(900);
/// The one writer of a file waits for the disk and for its turn: a burst that needs
/// two seconds must not be refused.
const SQLITE_CALL_LIMIT: Duration = Duration::from_secs(5);

/// The store of everything that lives minutes. Clones share its connections.
#[derive(Clone, Debug)]
pub struct HotState {
    backend: Backend,
    clock: Clock,
    room: Arc<Room>,
    unanswered: Arc<unanswered::Waiting>,
    refusals: Arc<refusals::Noted>,
    exemptions: Arc<exemptions::Known>,
}

#[derive(Clone, Debug)]
enum Backend {
    Redis(redis::RedisHotState),
    Sqlite(sqlite::SqliteHotState),
}

impl HotState {
    /// Hot state in Redis.
    pub fn redis(store: RedisStore, clock: Clock) -> Self {
        Self {
            backend: Backend::Redis(redis::RedisHotState::new(store)),
            clock,
            room: Arc::default(),
            unanswered: Arc::default(),
            refusals: Arc::default(),
            exemptions: Arc::default(),
        }
    }

    /// Hot state in the file of the one-process shape.
    pub fn sqlite(file: SqliteFile, clock: Clock) -> Self {
        Self {
            backend: Backend::Sqlite(sqlite::SqliteHotState::new(file)),
            clock,
            room: Arc::default(),
            unanswered: Arc::default(),
            refusals: Arc::default(),
            exemptions: Arc::default(),
        }
    }

    /// The same, where it takes requests: what it may have forgotten is in the `ledger`, and a number whose
    /// account was deleted is known by a hash under these keys.
    #[must_use]
    pub fn with_memory(mut self, ledger: &Records, keys: &KeyRing) -> Self {
        let memory = Memory::of(ledger, keys);
        match &mut self.backend {
            Backend::Redis(state) => state.remember_by(memory),
            Backend::Sqlite(state) => state.remember_by(memory),
        }
        self
    }

    /// Takes a number out whose account is deleted, and says how many roots it had: they end, with the
    /// challenges on them and the jobs that wait. What its limits have counted goes on counting, under a
    /// keyed hash.
    pub async fn erase_number(&self, phone: &PhoneNumber) -> Result<u64, HotStateError> {
        let ended = call!(self, state => state.erase_number(phone))?;
        self.end_exemption(phone).await?;
        self.forget_refusals(phone).await?;
        Ok(ended)
    }

    /// Takes one request back that was refused and may have been granted. The same again changes nothing.
    pub async fn cancel(&self, request: &Unanswered) -> Result<Cancelled, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.cancel(clock, request))
    }

    /// The error with the place of the server; of a file the settings tell the place.
    fn placed(&self, error: HotStateError) -> HotStateError {
        match (&self.backend, error) {
            (Backend::Redis(state), HotStateError::Unavailable(cause)) => {
                HotStateError::Unavailable(format!("Redis at {}: {cause}", state.place()).into())
            }
            (_, error) => error,
        }
    }

    fn call_limit(&self) -> Duration {
        match self.backend {
            Backend::Redis(_) => REDIS_CALL_LIMIT,
            Backend::Sqlite(_) => SQLITE_CALL_LIMIT,
        }
    }

    /// Grants or refuses one request for a code; if it is granted, the challenge is written and
    /// the job enqueued in the same step.
    ///
    /// The step may be repeated with the same [`Accept::nonce`]: it then answers as the first
    /// time and sends nothing more. Where the reply of Redis is lost, that is done here, once.
    ///
    /// [`HotStateError::Full`] where [`Self::measure_room`] has found too little room. Where the error leaves
    /// open whether it was granted, it waits to be taken back by [`Self::cancel_unanswered`].
    pub async fn accept(
        &self,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
    ) -> Result<Accepted, HotStateError> {
        if self.is_full() {
            return Err(HotStateError::Full);
        }
        let phone = accept.phone();
        let mut exempt = self.is_exempt(phone);
        let mut accepted = self.accept_once(accept, policy, exempt).await;
        if let Ok(refused) = &accepted
            && self.was_refused_although_exempt(accept, refused).await?
        {
            exempt = true;
            accepted = self.accept_once(accept, policy, exempt).await;
        }
        match accepted {
            Err(HotStateError::Unavailable(_)) => {
                self.unanswered.add(Unanswered::of(accept, policy, exempt));
            }
            Ok(Accepted::Refused {
                rule,
                retry_after_millis,
            }) => self.note_refusal(rule, retry_after_millis, phone, accept.caller),
            _ => {}
        }
        accepted
    }

    /// Counts what somebody does by every limit of its step. Where one refuses, nothing is counted.
    /// A try at a secret is counted before anything is compared; anyone who was right says so by
    /// [`Self::take_back`].
    ///
    /// Never repeated by itself: a lost reply means that it may have been counted.
    pub async fn count(
        &self,
        step: Step,
        subjects: &Subjects<'_>,
        quotas: &Quotas,
    ) -> Result<Count, HotStateError> {
        let clock = &self.clock;
        let of_exempt = self.is_exempt(subjects.phone).then(|| quotas.of_exempt());
        let quotas = of_exempt.as_ref().unwrap_or(quotas);
        let count = call!(self, state => state.count(clock, step, subjects, quotas))?;
        if let Count::Refused {
            rule,
            retry_after_millis,
        } = count
        {
            self.note_refusal(rule, retry_after_millis, subjects.phone, subjects.caller);
        }
        Ok(count)
    }

    /// Takes back a counted try that turned out right: the failures of the phone are forgotten, all
    /// others get back this one. Where it proved a number, `proven` is who did that.
    pub async fn take_back(
        &self,
        step: Step,
        subjects: &Subjects<'_>,
        quotas: &Quotas,
        proven: Option<ClientAddress>,
    ) -> Result<(), HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.take_back(clock, step, subjects, quotas, proven))
    }

    /// The challenge of this id on its root, if their records still exist. It may have expired.
    pub async fn challenge(&self, id: ChallengeId) -> Result<Option<Challenge>, HotStateError> {
        call!(self, state => state.challenge(id, None))
    }

    /// The same, but on the root that a job names: the challenge may have gone on to another since.
    pub async fn challenge_on(
        &self,
        id: ChallengeId,
        root: RootId,
    ) -> Result<Option<Challenge>, HotStateError> {
        call!(self, state => state.challenge(id, Some(root)))
    }

    /// The root of this id, if its record still exists. It may have ended.
    pub async fn root(&self, id: RootId) -> Result<Option<Root>, HotStateError> {
        call!(self, state => state.root(id))
    }

    /// Those of these roots whose records still exist, in no order, in one round trip, each with the attempts of the
    /// session that began it. They may have ended. For people who look at a list; no decision rests on it.
    pub async fn living_roots(&self, ids: &[RootId]) -> Result<Vec<LivingRoot>, HotStateError> {
        call!(self, state => state.living_roots(ids))
    }

    /// The last [`PHONE_ROOTS`] sign-in roots of a phone that take a code with the number only. They
    /// may have expired.
    pub async fn phone_roots(&self, phone: &PhoneNumber) -> Result<Vec<Root>, HotStateError> {
        call!(self, state => state.phone_roots(phone))
    }

    /// What is known of a number beside its challenges: what it was sent, what its limits refused,
    /// and the failed tries at its secrets. For people who ask; no decision rests on it.
    pub async fn phone_state(&self, phone: &PhoneNumber) -> Result<PhoneState, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.phone_state(clock, phone))
    }

    /// Counts one attempt with the session id of a challenge, and only then honours that the code was
    /// `right`. A challenge allows `allowed` of them; a resend gives none back. The first right code
    /// closes the root, so that everyone else who shares it is told [`Verdict::Used`]; it proves the number
    /// to be the `caller`'s, who may ask more for that.
    ///
    /// Never repeated by itself: a lost reply means that the attempt may have been counted.
    pub async fn count_by_session(
        &self,
        allowed: u32,
        challenge: &Challenge,
        right: bool,
        caller: Option<ClientAddress>,
    ) -> Result<Verdict, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.count_by_session(clock, allowed, challenge, right, caller))
    }

    /// Counts one guess with a number only on each of the roots that it was compared with, and only
    /// then honours the one that was right. Anyone who shares a root shares these `allowed` guesses.
    ///
    /// Never repeated by itself: a lost reply means that the guess may have been counted.
    pub async fn count_by_phone(
        &self,
        allowed: u32,
        guesses: &[Guess<'_>],
    ) -> Result<Verdict, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.count_by_phone(clock, allowed, guesses))
    }

    /// Closes a root whose code had its effect, to those as well who came with the number only; a
    /// right code with a session id has closed it before. `false` when the record is gone.
    pub async fn close_root(&self, id: RootId) -> Result<bool, HotStateError> {
        call!(self, state => state.close_root(id))
    }

    /// Opens a root again whose code was right and had no effect, because its user is kept out: to all
    /// who share it the code goes on to be what it was.
    pub async fn reopen_root(&self, id: RootId) -> Result<(), HotStateError> {
        call!(self, state => state.reopen_root(id))
    }

    /// Puts the job of a notice into the queue, once however often this is repeated: `false` when
    /// it was put there before. `deadline` is the notice's, in milliseconds since 1970.
    ///
    /// No limit and no guard of the queue applies, since what the notice tells of has happened. The
    /// job counts as accepted now and not when the notice was written, so that one that was left
    /// over by a crash does not make the queue look slow.
    pub async fn enqueue_notice(
        &self,
        notice: Uuid,
        deadline: UnixMillis,
        trace: Option<&str>,
        request: Option<Uuid>,
    ) -> Result<bool, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.enqueue_notice(clock, notice, deadline, trace, request))
    }

    /// Keeps what a client has asked for, for a quarter of an hour, until its person is signed in;
    /// `false` where something of this id is there.
    ///
    /// [`HotStateError::Full`] where [`Self::measure_room`] has found too little room.
    pub async fn keep_authorization_request(
        &self,
        id: AuthorizationRequestId,
        body: &str,
    ) -> Result<bool, HotStateError> {
        if self.is_full() || body.len() > MAX_AUTHORIZATION_REQUEST_BYTES {
            return Err(HotStateError::Full);
        }
        let clock = &self.clock;
        call!(self, state => state.keep_authorization_request(clock, id, body))
    }

    /// What a client has asked for, as long as it waits.
    pub async fn authorization_request(
        &self,
        id: AuthorizationRequestId,
    ) -> Result<Option<String>, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.authorization_request(clock, id))
    }

    /// Takes a request away, because it is answered; `false` when somebody else has done that.
    pub async fn take_authorization_request(
        &self,
        id: AuthorizationRequestId,
    ) -> Result<bool, HotStateError> {
        call!(self, state => state.take_authorization_request(id))
    }

    /// Asks to make one call of the gateway at a full rate of so many a second over all workers,
    /// of which a part may be allowed at present. A caller that would wait up to `patience`
    /// ([`gate::LONGEST_PATIENCE`] at most) gets its place reserved.
    pub async fn admit_call(
        &self,
        rate_per_second: u32,
        patience: Duration,
    ) -> Result<Admission, HotStateError> {
        let clock = &self.clock;
        let patience = patience.min(gate::LONGEST_PATIENCE);
        call!(self, state => state.admit_call(clock, rate_per_second, patience))
    }

    /// Halves the rate of calls, because the gateway said that there are too many. `false` when
    /// it was halved a moment ago.
    pub async fn slow_down(&self) -> Result<bool, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.slow_down(clock))
    }

    /// Opens the breaker, because the gateway refused a call for the whole account with this
    /// code. `false` when it was open: nothing is changed then.
    pub async fn open_breaker(&self, code: i32) -> Result<bool, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.open_breaker(clock, code))
    }

    /// Takes the right to probe the account, for as long as `lease`. `false` when the breaker is
    /// not open, no probe is due, or another worker has the right.
    pub async fn take_probe(&self, lease: Duration) -> Result<bool, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.take_probe(clock, lease))
    }

    /// The probe failed: the breaker stays open, and the next probe is due after twice the time.
    /// `false` when it is no longer open.
    pub async fn put_off_probe(&self) -> Result<bool, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.put_off_probe(clock))
    }

    /// The probe succeeded: the breaker closes. `false` when it was closed.
    pub async fn close_breaker(&self) -> Result<bool, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.close_breaker(clock))
    }

    /// The breaker, if it is open.
    pub async fn breaker(&self) -> Result<Option<OpenBreaker>, HotStateError> {
        call!(self, state => state.breaker())
    }

    /// The store's time.
    pub async fn now(&self) -> Result<UnixMillis, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.now(clock))
    }

    /// Removes what is no longer needed; Redis does so by itself.
    pub async fn sweep(&self) -> Result<u64, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.sweep(clock))
    }

    /// The store that this is: `redis` or `sqlite`.
    pub fn back_end(&self) -> &'static str {
        match self.backend {
            Backend::Redis(_) => "redis",
            Backend::Sqlite(_) => "sqlite",
        }
    }

    /// The version of the server, if it is one and tells it.
    pub(crate) async fn server_version(&self) -> Result<Option<String>, HotStateError> {
        call!(self, state => state.server_version())
    }

    /// Looks how full the store is, and remembers whether it has room for new requests. Nothing
    /// where the store has no limit.
    pub async fn measure_room(&self) -> Result<Option<Fill>, HotStateError> {
        let fill = call!(self, state => state.fill())?;
        self.room.judge(fill);
        Ok(fill)
    }

    /// Whether too little room was left for new requests when it was last measured.
    pub fn is_full(&self) -> bool {
        self.room.is_full()
    }

    /// Whether the store answers and takes writes.
    pub async fn ping(&self) -> Result<(), HotStateError> {
        call!(self, state => state.ping())
    }
}
