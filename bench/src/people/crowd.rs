//! The thread that plays people and gateway, and the loops of people.
//!
//! The closed loop finds the highest rate: everybody signs in again as soon as they have signed in. In the
//! open loop sign-ins are due at even distances, and what each took is counted from that moment, so that a
//! service that stalls is charged with everybody who would have come meanwhile.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::LocalSet;

use super::gateway::{Waiting, serve};
use super::http::Line;
use super::outcome::Outcome;
use super::sign_in::Client;
use super::{PEOPLE, Service};
use crate::Failure;
use crate::load::keep_time;
use crate::usage::processor_time;

/// Lines of an open loop: more people than ever are under way at once at half of the highest rate.
const LINES: usize = 256;
/// Everybody is ready when the first sign-in is due.
const LEAD: Duration = Duration::from_millis(20);

type Work = Box<dyn FnOnce(Rc<Waiting>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// People and their gateway.
pub(crate) struct Crowd {
    work: mpsc::UnboundedSender<Work>,
    /// Where the gateway is.
    pub(crate) gateway: SocketAddr,
}

impl Crowd {
    /// Starts the thread; it ends with this value.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let (work, orders) = mpsc::unbounded_channel();
        let (ready, address) = oneshot::channel();
        std::thread::Builder::new()
            .name("people".to_owned())
            .spawn(move || live(orders, ready))?;
        Ok(Self {
            work,
            gateway: address.await??,
        })
    }

    /// Where the gateway is, as a URL.
    pub(crate) fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway)
    }

    /// As many sign-ins as 64 people can make in this time.
    pub(crate) async fn closed(
        &self,
        service: &Service,
        lasts: Duration,
    ) -> Result<Outcome, Failure> {
        let service = service.clone();
        self.measured(move |waiting| async move {
            let clients = clients(&service, &waiting, PEOPLE).await?;
            let began = Instant::now();
            let people = clients.into_iter().map(|mut client| {
                tokio::task::spawn_local(async move {
                    let mut outcome = Outcome::default();
                    // Everybody once, however busy the machine is.
                    loop {
                        outcome.add(client.sign_in(Instant::now()).await);
                        if began.elapsed() >= lasts {
                            return outcome;
                        }
                    }
                })
            });
            let mut all = gathered(people).await?;
            all.elapsed = began.elapsed();
            Ok((all, ()))
        })
        .await
        .map(|(outcome, ())| outcome)
    }

    /// So many sign-ins a second for so long.
    pub(crate) async fn open(
        &self,
        service: &Service,
        per_second: f64,
        lasts: Duration,
    ) -> Result<Outcome, Failure> {
        let service = service.clone();
        self.measured(move |waiting| async move {
            let clients = clients(&service, &waiting, LINES).await?;
            let (sender, moments) = mpsc::unbounded_channel();
            let began = Instant::now() + LEAD;
            let clock = std::thread::spawn(move || keep_time(&sender, began, per_second, lasts));
            let moments = Rc::new(Mutex::new(moments));
            let people = clients.into_iter().map(|mut client| {
                let moments = Rc::clone(&moments);
                tokio::task::spawn_local(async move {
                    let mut outcome = Outcome::default();
                    loop {
                        let due = moments.lock().await.recv().await;
                        let Some(due) = due else { return outcome };
                        outcome.add(client.sign_in(due).await);
                    }
                })
            });
            let mut all = gathered(people).await?;
            all.elapsed = began.elapsed();
            clock.join().map_err(|_| "the clock of the load panicked")?;
            Ok((all, ()))
        })
        .await
        .map(|(outcome, ())| outcome)
    }

    /// What this gives, with what it cost and the messages that nobody waited for.
    pub(super) async fn measured<T, F, Fut>(&self, work: F) -> Result<(Outcome, T), Failure>
    where
        T: Send + 'static,
        F: FnOnce(Rc<Waiting>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(Outcome, T), Failure>> + 'static,
    {
        self.carry_out(|waiting| async move {
            let strays = waiting.strays();
            let before = processor_time(std::process::id())?;
            let (mut outcome, rest) = work(Rc::clone(&waiting)).await?;
            outcome.processor = processor_time(std::process::id())?.saturating_sub(before);
            outcome.strays = waiting.strays() - strays;
            Ok((outcome, rest))
        })
        .await?
    }

    /// Does something on the thread of the people.
    async fn carry_out<T, F, Fut>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(Rc<Waiting>) -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
    {
        let (sender, result) = oneshot::channel();
        let order: Work = Box::new(move |waiting| {
            Box::pin(async move {
                // The one who ordered it may be gone.
                let _ = sender.send(work(waiting).await);
            })
        });
        self.work
            .send(order)
            .map_err(|_| "the thread of the people has ended")?;
        Ok(result.await?)
    }
}

/// Lines for so many people, opened.
pub(super) async fn clients(
    service: &Service,
    waiting: &Rc<Waiting>,
    people: usize,
) -> Result<Vec<Client>, Failure> {
    let mut all = Vec::with_capacity(people);
    for person in 0..people {
        let server = service.address(person);
        let mut line = Line::to(server);
        line.open().await?;
        all.push(Client {
            line,
            server,
            dialect: service.dialect,
            waiting: Rc::clone(waiting),
        });
    }
    Ok(all)
}

/// What all of them got.
pub(super) async fn gathered(
    people: impl Iterator<Item = tokio::task::JoinHandle<Outcome>>,
) -> Result<Outcome, Failure> {
    let mut all = Outcome::default();
    for outcome in join_all(people).await {
        all.join(outcome?);
    }
    Ok(all)
}

fn live(
    mut orders: mpsc::UnboundedReceiver<Work>,
    ready: oneshot::Sender<Result<SocketAddr, std::io::Error>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let listener = runtime.and_then(|runtime| {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        Ok((runtime, listener, address))
    });
    let (runtime, listener, address) = match listener {
        Ok(all) => all,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    LocalSet::new().block_on(&runtime, async move {
        let waiting = Rc::new(Waiting::default());
        tokio::task::spawn_local(serve(listener, Rc::clone(&waiting)));
        let _ = ready.send(Ok(address));
        while let Some(order) = orders.recv().await {
            order(Rc::clone(&waiting)).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::{Value, json};

    use super::super::Dialect;
    use super::*;
    use crate::gateway::http_client;
    use crate::load::{OTP_PATH, VERIFY_PATH};

    /// A service that sends so many messages for each request.
    struct Fake {
        http: reqwest::Client,
        gateway: String,
        messages: u32,
        asked: AtomicU64,
    }

    async fn fake(crowd: &Crowd, messages: u32) -> Service {
        let fake = Fake {
            http: http_client().expect("a client"),
            gateway: format!("{}/v1/K/verify/lookup.json", crowd.gateway_url()),
            messages,
            asked: AtomicU64::new(0),
        };
        let router = Router::new()
            .route(OTP_PATH, post(ask))
            .route(VERIFY_PATH, post(verify))
            .with_state(Arc::new(fake));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Service {
            addresses: vec![address],
            dialect: Dialect::Ramz,
        }
    }

    async fn ask(
        State(fake): State<Arc<Fake>>,
        Json(body): Json<Value>,
    ) -> (StatusCode, Json<Value>) {
        let code = format!("{:06}", fake.asked.fetch_add(1, Ordering::Relaxed));
        let phone = body["phone_number"].as_str().unwrap_or_default();
        for _ in 0..fake.messages {
            let form = [("receptor", phone), ("token", &code)];
            let answer = fake.http.post(&fake.gateway).form(&form).send().await;
            answer.expect("the gateway answers");
        }
        (StatusCode::ACCEPTED, Json(json!({ "session_id": code })))
    }

    /// Each code is its session.
    async fn verify(Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
        if body["session_id"] == body["code"] {
            return (StatusCode::OK, Json(json!({ "access_token": "signed" })));
        }
        (StatusCode::BAD_REQUEST, Json(json!({})))
    }

    #[tokio::test]
    async fn people_sign_in_with_the_codes_of_their_own_messages() {
        let crowd = Crowd::start().await.expect("a crowd");
        let service = fake(&crowd, 1).await;
        let lasts = Duration::from_millis(50);
        let outcome = crowd.closed(&service, lasts).await.expect("an outcome");
        let outcome = outcome.held().expect("all signed in");
        assert!(outcome.count() >= PEOPLE, "{}", outcome.count());
        let outcome = crowd
            .open(&service, 400.0, lasts)
            .await
            .expect("an outcome");
        assert_eq!(outcome.held().expect("all signed in").count(), 20);
    }

    #[tokio::test]
    async fn people_sign_in_by_waves() {
        let crowd = Crowd::start().await.expect("a crowd");
        let service = fake(&crowd, 1).await;
        let (asking, asked) = crowd.ask(&service, 100).await.expect("asked");
        assert_eq!(asking.held().expect("all asked").count(), 100);
        let (waiting, coded) = crowd.get_messages(&service, asked).await.expect("codes");
        assert_eq!(waiting.held().expect("all have codes").count(), 100);
        let verified = crowd.verify(&service, coded).await.expect("verified");
        assert_eq!(verified.held().expect("all signed in").count(), 100);
    }

    #[tokio::test]
    async fn a_second_message_is_noticed() {
        let crowd = Crowd::start().await.expect("a crowd");
        let service = fake(&crowd, 2).await;
        let outcome = crowd.closed(&service, Duration::from_millis(20)).await;
        assert!(outcome.expect("an outcome").held().is_err());
    }
}
