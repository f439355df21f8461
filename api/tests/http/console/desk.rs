//! Somebody of the staff at a browser without JavaScript: it keeps cookies, sends forms as they stand, and says
//! where from.

use std::collections::BTreeMap;

use domain::random::Random;
use domain::staff::{Role, StaffToken};
use reqwest::header::{COOKIE, HOST, SET_COOKIE};
use serde_json::json;
use shared::records::{AuditEntry, AuditSource, Device, NewStaffSession};
use uuid::Uuid;

use crate::pages::browser::Page;
use crate::stage::{HOUR, Stage};

pub(crate) struct Desk<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Sent with every request; none of a name where it is empty.
    pub(crate) headers: BTreeMap<&'static str, String>,
    /// Who is signed in.
    pub(crate) user: Uuid,
}

/// Somebody with this role, who is signed in at the console and gave a second factor a moment ago.
pub(crate) async fn sign_in(stage: &Stage, role: Role) -> Desk<'_> {
    let number = format!("+98912111{:04}", role as u16);
    let user = person(stage, &number).await;
    give_role(stage, user, role).await;
    let mut desk = Desk::new(stage);
    desk.user = user;
    desk.open_session().await;
    desk
}

/// The user of a number, who comes to be by signing in.
pub(crate) async fn person(stage: &Stage, number: &str) -> Uuid {
    let answer = stage.sign_in(number).await;
    let id = answer.body["user"]["id"].as_str().expect("an id");
    id.parse().expect("a UUID")
}

pub(crate) async fn give_role(stage: &Stage, user: Uuid, role: Role) {
    let at = stage.clock.now().to_rfc3339();
    let sql = format!(
        "INSERT INTO staff (user_id, role, given_at) VALUES ({}, '{role}', '{at}')",
        stage.stores.uuid(user)
    );
    stage.stores.execute(sql).await;
    let sql = format!(
        "UPDATE users SET is_staff = TRUE WHERE id = {}",
        stage.stores.uuid(user)
    );
    stage.stores.execute(sql).await;
}

impl<'a> Desk<'a> {
    /// A browser that nobody is signed in with.
    pub(crate) fn new(stage: &'a Stage) -> Self {
        let headers = BTreeMap::from([
            ("accept", "text/html".to_owned()),
            ("accept-language", "en".to_owned()),
            ("sec-fetch-site", "same-origin".to_owned()),
        ]);
        Self {
            stage,
            cookies: BTreeMap::new(),
            headers,
            user: Uuid::nil(),
        }
    }

    /// Opens a session behind the back of the pages.
    pub(crate) async fn open_session(&mut self) {
        let random = Random::operating_system();
        let token = StaffToken::new(&random);
        let now = self.stage.clock.now();
        let session = NewStaffSession {
            id: random.uuid_v4(),
            user: self.user,
            token_hash: token.session_hash(),
            device: Device::default(),
            opened_at: now,
            idle_expires_at: now + chrono::TimeDelta::minutes(30),
            expires_at: now + chrono::TimeDelta::milliseconds(12 * HOUR),
        };
        let entry = AuditEntry {
            id: random.uuid_v4(),
            source: AuditSource::Console,
            actor: Some(self.user),
            action: "console_sign_in",
            subject: Some(self.user),
            object: None,
            details: json!({}),
            in_console: None,
        };
        let records = &self.stage.stores.records;
        let opened = records.open_staff_session(&session, &entry).await;
        opened.expect("opened");
        self.cookies.insert("ramz_staff".to_owned(), token.expose());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.stage.console)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(self.stage.client.get(self.url(path))).await
    }

    /// What the forms of this browser carry.
    pub(crate) fn form_token(&self) -> String {
        match self.cookies.get("ramz_staff") {
            Some(token) => StaffToken::parse(token).expect("a token").form_token(),
            None => self
                .cookies
                .get("ramz_staff_form")
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// Sends a form with its token.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.form_token();
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    /// Sends exactly these fields.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.stage.client.post(self.url(path)).form(fields);
        let page = self.send(request).await;
        // So that what is written down has an order.
        self.stage.clock.advance(1);
        page
    }

    /// Gets a page under another name of the host.
    pub(crate) async fn get_as(&mut self, host: &str, path: &str) -> Page {
        let request = self.stage.client.get(self.url(path)).header(HOST, host);
        self.send(request).await
    }

    pub(crate) async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let pairs = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            request = request.header(COOKIE, pairs.collect::<Vec<_>>().join("; "));
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("text");
            let (pair, attributes) = text.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let html = response.text().await.expect("text");
        Page {
            status,
            headers,
            html,
        }
    }
}
