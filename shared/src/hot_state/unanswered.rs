//! Requests whose clients were told that nothing was granted, while it is not known whether it was: the
//! answer of the store was lost, or did not come in time.
//!
//! Such a request is taken back in the background, with its job and what it was charged. How many wait for
//! that and for how long is bounded; what is put out, or was sent before, is counted.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::challenge::ChallengeId;
use domain::client_address::ClientAddress;
use domain::limits::Quotas;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::HotState;
use super::limits::Subjects;
use super::model::{Accept, AcceptPolicy, AcceptRequest, HotStateError};

/// So many wait at most: what is refused in three seconds at ten thousand a second needs some megabytes.
const MOST: usize = 32_768;
/// After the moment up to which the store may carry a request out.
const MARGIN: Duration = Duration::from_millis(200);
/// Where the store stays away for longer, its jobs are over by themselves.
const LIFE: Duration = Duration::from_mins(2);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// One request whose end is not known.
#[derive(Clone, Debug)]
pub struct Unanswered {
    pub(super) id: ChallengeId,
    pub(super) nonce: [u8; 8],
    pub(super) caller: Option<ClientAddress>,
    pub(super) device: Option<Uuid>,
    pub(super) quotas: Quotas,
}

impl Unanswered {
    /// The request that was made like this, for a number that is exempt or not.
    pub fn of(accept: &Accept<'_>, policy: &AcceptPolicy, exempt: bool) -> Self {
        Self {
            id: match &accept.request {
                AcceptRequest::New(new) => new.id,
                AcceptRequest::Resend { id, .. } => *id,
            },
            nonce: accept.nonce,
            caller: accept.caller,
            device: accept.device,
            quotas: if exempt {
                policy.quotas.of_exempt()
            } else {
                policy.quotas
            },
        }
    }

    pub(super) fn subjects(&self) -> Subjects<'_> {
        Subjects {
            caller: self.caller,
            device: self.device,
            ..Subjects::default()
        }
    }
}

/// What became of a request that should not have been granted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString, strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Cancelled {
    /// It had been granted, and is taken back as if it had never been made.
    Cancelled,
    /// Its message is sent, or somebody else relies on it. It stays charged.
    TooLate,
    /// It had not been granted, or was taken back before.
    NotGranted,
    /// The store stayed away, or too many waited.
    GivenUp,
}

/// Those that wait to be taken back, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    requests: Mutex<Queue>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    requests: VecDeque<(Instant, Unanswered)>,
    put_out: u64,
}

impl Waiting {
    pub(super) fn add(&self, request: Unanswered) {
        let mut queue = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.requests.len() == MOST {
            queue.put_out += 1;
            return;
        }
        queue.requests.push_back((Instant::now(), request));
        drop(queue);
        self.came.notify_one();
    }

    /// How many found no place since the last question, and the oldest of those that did.
    fn first(&self) -> (u64, Option<(Instant, Unanswered)>) {
        let mut queue = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        (
            std::mem::take(&mut queue.put_out),
            queue.requests.front().cloned(),
        )
    }

    fn remove_first(&self) {
        let mut queue = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        queue.requests.pop_front();
    }
}

impl HotState {
    /// Takes back, one after the other, the requests of [`accept`](Self::accept) whose ends are not known,
    /// and tells what became of each. Never ends.
    pub async fn cancel_unanswered(&self, told: impl Fn(Cancelled)) {
        loop {
            let (put_out, first) = self.unanswered.first();
            for _ in 0..put_out {
                told(Cancelled::GivenUp);
            }
            let Some((since, request)) = first else {
                self.unanswered.came.notified().await;
                continue;
            };
            if since.elapsed() >= LIFE {
                // Without a question more: many of them would each wait for a store that is away.
                self.unanswered.remove_first();
                told(Cancelled::GivenUp);
                continue;
            }
            sleep_until(since + MARGIN).await;
            match self.cancel(&request).await {
                Err(HotStateError::Unavailable(_)) => {
                    sleep(TRY_AGAIN_AFTER).await;
                    continue;
                }
                Ok(ended) => told(ended),
                Err(error) => {
                    let challenge = request.id;
                    tracing::warn!(%error, %challenge, "a request that was refused cannot be taken back");
                    told(Cancelled::GivenUp);
                }
            }
            self.unanswered.remove_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn request(number: u32) -> Unanswered {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        Unanswered {
            id: ChallengeId::from_bytes(id),
            nonce: [0; 8],
            caller: None,
            device: None,
            quotas: Quotas::NONE,
        }
    }

    #[tokio::test]
    async fn a_21_no_more_wait_than_there_is_room_for_and_the_others_are_counted() {
        let waiting = Waiting::default();
        for number in 0..40_000 {
            waiting.add(request(number));
        }
        let (put_out, first) = waiting.first();
        assert_eq!(put_out, 40_000 - u64::try_from(MOST).expect("it fits"));
        assert_eq!(first.map(|(_, request)| request.id), Some(request(0).id));
        assert_eq!(waiting.first().0, 0, "counted once");
        waiting.remove_first();
        waiting.add(request(0));
        assert_eq!(waiting.first().0, 0, "there is room again");
    }

    /// Those that waited for too long are given up at once, and not one a second.
    #[tokio::test(start_paused = true)]
    async fn what_waited_for_too_long_is_given_up_without_a_question() {
        // Nobody listens there, and nobody is asked.
        let store = crate::redis_store::RedisStore::connect("redis://127.0.0.1:1");
        let hot = HotState::redis(store.expect("an address"), domain::clock::Clock::manual(0));
        for number in 0..10_000 {
            hot.unanswered.add(request(number));
        }
        tokio::time::advance(LIFE).await;
        let ended = Arc::new(AtomicU64::new(0));
        let (counted, began) = (Arc::clone(&ended), Instant::now());
        let running = tokio::spawn(async move {
            hot.cancel_unanswered(|end| {
                assert_eq!(end, Cancelled::GivenUp);
                counted.fetch_add(1, Ordering::Relaxed);
            })
            .await;
        });
        while ended.load(Ordering::Relaxed) < 10_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        running.abort();
    }
}
