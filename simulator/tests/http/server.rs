//! A simulator on a free port, with a clock that the test moves.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use reqwest::{Response, redirect::Policy};
use serde_json::Value;
use simulator::{Clock, ResettableAcceptor, Simulator, SimulatorConfig};

/// 2026-11-20 09:30:12 UTC.
pub(crate) const START: i64 = 1_795_167_012;
pub(crate) const PHONE: &str = "09123004501";

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) simulator: Simulator,
    pub(crate) client: reqwest::Client,
}

/// An answer of the gateway: HTTP status and JSON.
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn status(&self) -> u64 {
        self.json["return"]["status"].as_u64().unwrap()
    }

    pub(crate) fn row(&self, index: usize) -> &Value {
        &self.json["entries"][index]
    }

    pub(crate) fn id(&self) -> u64 {
        self.row(0)["messageid"].as_u64().unwrap()
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(SimulatorConfig::default())
    }

    pub(crate) fn start_with(config: SimulatorConfig) -> Self {
        let clock = Clock::manual(START * 1_000);
        let simulator = Simulator::new(SimulatorConfig {
            clock: clock.clone(),
            ..config
        })
        .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = simulator
            .router()
            .into_make_service_with_connect_info::<SocketAddr>();
        let server = axum_server::from_tcp(listener)
            .unwrap()
            .acceptor(ResettableAcceptor);
        tokio::spawn(server.serve(service));
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        Self {
            url,
            clock,
            simulator,
            client,
        }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn raw_post(
        &self,
        method: &str,
        fields: &[(&str, &str)],
    ) -> reqwest::Result<Response> {
        let url = format!("{}/v1/demoKEY/{method}.json", self.url);
        self.client.post(url).form(fields).send().await
    }

    pub(crate) async fn post(&self, method: &str, fields: &[(&str, &str)]) -> Answer {
        answer(self.raw_post(method, fields).await.unwrap()).await
    }

    pub(crate) async fn get(&self, method: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}/v1/demoKEY/{method}.json", self.url);
        answer(self.client.get(url).query(fields).send().await.unwrap()).await
    }

    /// A lookup with the code 48291.
    pub(crate) async fn lookup(&self, receptor: &str) -> Answer {
        let fields = [
            ("receptor", receptor),
            ("template", "ramz-otp"),
            ("token", "48291"),
        ];
        self.post("verify/lookup", &fields).await
    }

    pub(crate) async fn send(&self, receptor: &str, localid: &str) -> Answer {
        let fields = [
            ("receptor", receptor),
            ("message", "متن نمونه"),
            ("localid", localid),
        ];
        self.post("sms/send", &fields).await
    }

    /// `PUT` to a control; its answer has to be a success.
    pub(crate) async fn put(&self, path: &str, json: Value) -> Value {
        let response = self
            .client
            .put(format!("{}{path}", self.url))
            .json(&json)
            .send()
            .await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200, "{json}");
        response.json().await.unwrap()
    }

    pub(crate) async fn account(&self, json: Value) {
        self.put("/_sim/account", json).await;
    }

    pub(crate) async fn fault(&self, json: Value) {
        self.put("/_sim/faults", serde_json::json!({ "rules": [json] }))
            .await;
    }

    pub(crate) async fn read(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap()
    }

    pub(crate) fn credit(&self) -> i64 {
        self.simulator.account().credit
    }

    /// How many messages the gateway accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.simulator.messages(None, usize::MAX).len()
    }
}

pub(crate) async fn answer(response: Response) -> Answer {
    let http = response.status().as_u16();
    Answer {
        http,
        json: response.json().await.unwrap(),
    }
}
