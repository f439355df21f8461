//! Sign-ins in waves: all ask, then all get their messages, then all give their codes back. So what each step
//! costs can be told apart, which nobody can while all three run at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::crowd::{Crowd, clients, gathered};
use super::outcome::{Outcome, Took};
use super::sign_in::HasAsked;
use super::{PEOPLE, Service};
use crate::Failure;

/// People between two waves.
#[derive(Default)]
pub(crate) struct Asked(Vec<HasAsked>);

/// People with their codes.
#[derive(Default)]
pub(crate) struct Coded(Vec<(HasAsked, String)>);

impl Crowd {
    /// The first wave: so many people ask, 64 at once.
    pub(crate) async fn ask(
        &self,
        service: &Service,
        people: usize,
    ) -> Result<(Outcome, Asked), Failure> {
        let service = service.clone();
        self.measured(move |waiting| async move {
            let asked = Rc::new(RefCell::new(Vec::with_capacity(people)));
            let left = Rc::new(Cell::new(people));
            let clients = clients(&service, &waiting, PEOPLE).await?;
            let began = Instant::now();
            let tasks = clients.into_iter().map(|mut client| {
                let (asked, left) = (Rc::clone(&asked), Rc::clone(&left));
                tokio::task::spawn_local(async move {
                    let mut outcome = Outcome::default();
                    while left.get() > 0 {
                        left.set(left.get() - 1);
                        let result = client.ask().await;
                        outcome.add(result.map(|has_asked| {
                            let ask = has_asked.ask;
                            asked.borrow_mut().push(has_asked);
                            Took {
                                ask,
                                ..Took::default()
                            }
                        }));
                    }
                    outcome
                })
            });
            let mut all = gathered(tasks).await?;
            all.elapsed = began.elapsed();
            Ok((all, Asked(asked.take())))
        })
        .await
    }

    /// The second: all of them wait for their messages.
    pub(crate) async fn get_messages(
        &self,
        service: &Service,
        asked: Asked,
    ) -> Result<(Outcome, Coded), Failure> {
        let service = service.clone();
        self.measured(move |waiting| async move {
            let mut all = Outcome::default();
            let mut coded = Vec::with_capacity(asked.0.len());
            let began = Instant::now();
            let client = clients(&service, &waiting, 1).await?.pop();
            let client = client.ok_or("no client")?;
            for mut has_asked in asked.0 {
                match client.message(&mut has_asked).await {
                    Ok((code, message)) => {
                        all.add(Ok(Took {
                            message,
                            ..Took::default()
                        }));
                        coded.push((has_asked, code));
                    }
                    Err(failure) => all.add(Err(failure)),
                }
            }
            all.elapsed = began.elapsed();
            Ok((all, Coded(coded)))
        })
        .await
    }

    /// The third: all of them give their codes back, 64 at once.
    pub(crate) async fn verify(&self, service: &Service, coded: Coded) -> Result<Outcome, Failure> {
        let service = service.clone();
        let (outcome, ()) = self
            .measured(move |waiting| async move {
                let coded = Rc::new(RefCell::new(coded.0));
                let clients = clients(&service, &waiting, PEOPLE).await?;
                let began = Instant::now();
                let tasks = clients.into_iter().map(|mut client| {
                    let coded = Rc::clone(&coded);
                    tokio::task::spawn_local(async move {
                        let mut outcome = Outcome::default();
                        loop {
                            let next = coded.borrow_mut().pop();
                            let Some((asked, code)) = next else {
                                return outcome;
                            };
                            let began = Instant::now();
                            let result = client.verify(&asked, &code).await;
                            outcome.add(result.map(|()| verified(began.elapsed())));
                        }
                    })
                });
                let mut all = gathered(tasks).await?;
                all.elapsed = began.elapsed();
                Ok((all, ()))
            })
            .await?;
        Ok(outcome)
    }
}

fn verified(verify: Duration) -> Took {
    Took {
        verify,
        ..Took::default()
    }
}
