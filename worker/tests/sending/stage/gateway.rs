//! The simulated gateway: its faults, and what it was asked.

use std::time::Duration;

use domain::phone::PhoneNumber;
use gateway::{Gateway, SendOutcome};
use serde_json::json;
use simulator::{FaultRule, ReceivedMessage};
use worker::gateway_settings;

use super::{Route, Stage, WorkWith};

impl Stage {
    /// Faults of the gateway; a rule that names no method is for messages only, so that looks at
    /// the account do not use it up.
    pub(crate) fn faults(&self, rules: serde_json::Value) {
        let mut rules: Vec<FaultRule> = serde_json::from_value(rules).expect("rules");
        for rule in &mut rules {
            rule.method
                .get_or_insert_with(|| "verify/lookup".to_owned());
        }
        self.simulator.set_faults(rules).expect("rules");
    }

    pub(crate) fn credit(&self, rials: i64) {
        self.simulator
            .change_account(json!({ "credit": rials }))
            .expect("a change");
    }

    /// The gateway takes a message that is not of this worker.
    pub(crate) async fn gateway_takes(&self, phone: &str, localid: i64) {
        let with = WorkWith {
            route: Route::Text,
            ..WorkWith::gateway(self.gateway)
        };
        let config = self.settings.config(&with);
        let gateway = Gateway::new(gateway_settings(config.gateway)).expect("a gateway");
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let outcome = gateway.send_text(&phone, "سفارش شما رسید", localid).await;
        assert!(
            matches!(outcome, SendOutcome::Accepted { .. }),
            "{outcome:?}"
        );
    }

    pub(crate) fn messages(&self) -> Vec<ReceivedMessage> {
        self.simulator.messages(None, 1_000)
    }

    /// Calls that would send a message, as the gateway counted them.
    pub(crate) fn calls(&self) -> u64 {
        self.simulator.calls("verify/lookup")
    }

    /// How many times the gateway was asked about deliveries.
    pub(crate) fn questions(&self) -> u64 {
        self.simulator.calls("sms/status")
    }

    /// How many times the gateway was asked for the credit.
    pub(crate) fn probes(&self) -> u64 {
        self.simulator.calls("account/info")
    }

    /// The gateway's time goes on by days, after which it knows no message any more.
    pub(crate) fn the_gateway_forgets(&self) {
        self.gateway_clock.advance(Duration::from_hours(72));
    }
}
