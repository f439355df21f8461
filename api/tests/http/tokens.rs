//! The tokens of a session in the hands of an app or a browser.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::stage::{ME, Stage, VERIFY};

pub(crate) const REFRESH: &str = "/api/v1/usr/token/refresh";
pub(crate) const LOG_OUT: &str = "/api/v1/usr/logout";
pub(crate) const SESSIONS: &str = "/api/v1/usr/sessions";

/// What a sign-in or a refresh handed out.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            access: answer.member("access_token"),
            refresh: answer.member("refresh_token"),
        }
    }

    /// Both, as a browser sends them.
    pub(crate) fn cookies(&self) -> String {
        format!("ramz_access={}; ramz_refresh={}", self.access, self.refresh)
    }

    pub(crate) fn refresh_cookie(&self) -> String {
        format!("ramz_refresh={}", self.refresh)
    }
}

impl Answer {
    /// The cookies that the answer sets, without their attributes.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().expect("text"))
            .map(|text| text.split(';').next().expect("a pair"))
            .collect()
    }

    #[track_caller]
    pub(crate) fn clears_cookies(&self) {
        assert_eq!(
            self.cookies(),
            ["ramz_access=", "ramz_refresh="],
            "{self:?}"
        );
    }
}

impl Stage {
    /// Signs in on a device of this name.
    pub(crate) async fn tokens_of_device(&self, phone: &str, device: &str) -> Tokens {
        let session = self.ask(phone).await;
        let code = self.code(&session).await;
        let body = json!({ "session_id": session, "code": code, "device_name": device });
        let answer = self.post(VERIFY, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Tokens::of(&answer)
    }

    pub(crate) async fn tokens(&self, phone: &str) -> Tokens {
        Tokens::of(&self.sign_in(phone).await)
    }

    /// Refreshes as apps do.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post(REFRESH, json!({ "refresh_token": token })).await
    }

    /// Refreshes, which must succeed.
    pub(crate) async fn refreshed(&self, token: &str) -> Tokens {
        let answer = self.refresh(token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Tokens::of(&answer)
    }

    /// A request of a page of our own, without a body.
    pub(crate) fn by_cookie(
        &self,
        method: Method,
        path: &str,
        cookies: &str,
    ) -> reqwest::RequestBuilder {
        self.client
            .request(method, self.url(path))
            .header("cookie", cookies)
            .header("sec-fetch-site", "same-origin")
    }

    /// Whether an access token is taken.
    pub(crate) async fn is_signed_in(&self, access: &str) -> bool {
        let answer = self.bearing(access, Method::GET, ME, None).await;
        answer.status == 200
    }

    /// Asserts that the token of a sign-in opens the account that the answer shows.
    pub(crate) async fn opens_its_account(&self, signed_in: &Answer) {
        let access = signed_in.member("access_token");
        let me = self.bearing(&access, Method::GET, ME, None).await;
        me.shows_all_of(&signed_in.body["user"]);
    }

    /// The session of an access token, from its list.
    pub(crate) async fn current_session(&self, access: &str) -> Value {
        let list = self.bearing(access, Method::GET, SESSIONS, None).await;
        assert_eq!(list.status, 200, "{list:?}");
        let sessions = list.body["sessions"].as_array().expect("a list");
        let current = sessions.iter().find(|session| session["current"] == true);
        current.expect("the one in use").clone()
    }

    pub(crate) async fn user_id(&self, access: &str) -> Uuid {
        let me = self.bearing(access, Method::GET, ME, None).await;
        me.member("id").parse().expect("a UUID")
    }

    pub(crate) async fn live_sessions(&self, user: Uuid) -> usize {
        let sessions = self.stores.records.live_sessions(user, self.clock.now());
        sessions.await.expect("an answer").len()
    }

    pub(crate) fn refreshes(&self, result: &str) -> u64 {
        let series = format!("ramz_token_refreshes_total{{result=\"{result}\"}}");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter of a test is a small whole number"
        )]
        let count = self.metric(&series) as u64;
        count
    }
}
