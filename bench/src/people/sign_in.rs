//! One sign-in, as a person sees it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::Dialect;
use super::dialect::Person;
use super::gateway::Waiting;
use super::http::{Line, Message};
use super::outcome::Took;

/// How long an answer or a message is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody at a line to the service.
pub(super) struct Client {
    pub(super) line: Line,
    pub(super) server: std::net::SocketAddr,
    pub(super) dialect: Dialect,
    pub(super) waiting: Rc<Waiting>,
}

/// Who has asked, and waits for the message.
pub(super) struct HasAsked {
    person: Person,
    session: String,
    code: oneshot::Receiver<String>,
    /// When the request was made.
    pub(super) began: Instant,
    /// How long it took for its answer.
    pub(super) ask: Duration,
}

impl Client {
    /// A whole sign-in of somebody new.
    pub(super) async fn sign_in(&mut self, due: Instant) -> Result<Took, String> {
        let mut asked = self.ask().await?;
        let (code, message) = self.message(&mut asked).await?;
        let began = Instant::now();
        self.verify(&asked, &code).await?;
        Ok(Took {
            ask: asked.ask,
            message,
            verify: began.elapsed(),
            whole: due.elapsed(),
        })
    }

    /// The first step: to ask for a code.
    pub(super) async fn ask(&mut self) -> Result<HasAsked, String> {
        let person = Person::next();
        // The message may be faster than the answer.
        let code = self.waiting.code_for(person.key());
        let request = self.dialect.ask(self.server, &person);
        let began = Instant::now();
        let answer = self.call(&request, "asking", self.dialect.accepted()).await;
        let session = answer.and_then(|answer| {
            let session = self.dialect.session(&answer.body);
            session.ok_or_else(|| "asking: no session".to_owned())
        });
        match session {
            Ok(session) => Ok(HasAsked {
                person,
                session,
                code,
                began,
                ask: began.elapsed(),
            }),
            Err(failure) => {
                self.waiting.forget(person.key());
                Err(failure)
            }
        }
    }

    /// The second: to wait for the message. The code, and how long it took since the request.
    pub(super) async fn message(&self, asked: &mut HasAsked) -> Result<(String, Duration), String> {
        let last = tokio::time::Instant::now() + PATIENCE;
        if let Ok(Ok(code)) = timeout_at(last, &mut asked.code).await {
            return Ok((code, asked.began.elapsed()));
        }
        self.waiting.forget(asked.person.key());
        Err("no message".to_owned())
    }

    /// The third: to give the code back.
    pub(super) async fn verify(&mut self, asked: &HasAsked, code: &str) -> Result<(), String> {
        let request = self
            .dialect
            .verify(self.server, &asked.person, &asked.session, code);
        let answer = self.call(&request, "verifying", 200).await?;
        if !self.dialect.has_tokens(&answer.body) {
            return Err("verifying: no tokens".to_owned());
        }
        Ok(())
    }

    async fn call(&mut self, request: &[u8], what: &str, status: u16) -> Result<Message, String> {
        let last = tokio::time::Instant::now() + PATIENCE;
        match timeout_at(last, self.line.call(request)).await {
            Ok(Ok(answer)) if answer.status() == status => Ok(answer),
            Ok(Ok(answer)) => Err(format!("{what}: {}", answer.status())),
            Ok(Err(error)) => Err(format!("{what}: {error}")),
            Err(_) => Err(format!("{what}: no answer")),
        }
    }
}
