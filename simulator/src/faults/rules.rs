//! The rules in force and the choice among them.

use serde::Serialize;

use super::{
    rate::CallRate,
    rule::{Fault, FaultRule},
};
use crate::{clock::UnixMillis, random::Lots};

/// A rule in force, with what it has done so far.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ActiveRule {
    #[serde(flatten)]
    pub(crate) rule: FaultRule,
    /// How many calls it has hit.
    pub(crate) applied: u64,
    #[serde(skip)]
    lots: Lots,
    #[serde(skip)]
    calls: CallRate,
}

/// All rules in force, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultRules(Vec<ActiveRule>);

/// What is to happen to one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Milliseconds to wait before the call is looked at.
    pub(crate) delay_ms: u64,
    /// The fault of the first rule that hits, and whether the call is accepted all the same.
    pub(crate) fault: Option<(Fault, bool)>,
}

impl FaultRules {
    pub(crate) fn new(rules: Vec<FaultRule>) -> Result<Self, String> {
        rules.iter().try_for_each(FaultRule::check)?;
        let activate = |rule: FaultRule| ActiveRule {
            applied: 0,
            lots: Lots::new(rule.seed),
            calls: CallRate::default(),
            rule,
        };
        Ok(Self(rules.into_iter().map(activate).collect()))
    }

    pub(crate) fn rules(&self) -> &[ActiveRule] {
        &self.0
    }

    /// Chooses for one call: delays add up, of the other faults the first that hits counts.
    pub(crate) fn choose(&mut self, method: &str, receptors: &[String], now: UnixMillis) -> Choice {
        let mut choice = Choice::default();
        for active in &mut self.0 {
            if !active.rule.fits(method, receptors) || !active.hits(now) {
                continue;
            }
            active.applied += 1;
            if let Fault::Delay { ms } = active.rule.fault {
                choice.delay_ms = choice.delay_ms.saturating_add(ms);
            } else {
                choice.fault = Some((active.rule.fault.clone(), active.rule.accepts()));
                break;
            }
        }
        choice
    }
}

impl ActiveRule {
    fn hits(&mut self, now: UnixMillis) -> bool {
        if self.rule.times.is_some_and(|times| self.applied >= times) {
            return false;
        }
        if let Fault::RateLimit { per_second } = self.rule.fault
            && self.calls.admit(per_second, now)
        {
            return false;
        }
        self.rule.rate.is_none_or(|rate| self.lots.draw(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: serde_json::Value) -> FaultRules {
        FaultRules::new(serde_json::from_value(json).unwrap()).unwrap()
    }

    fn kind(rules: &mut FaultRules, method: &str, receptor: &str) -> Option<&'static str> {
        let choice = rules.choose(method, &[receptor.to_owned()], 0);
        choice.fault.map(|(fault, _)| fault.kind())
    }

    #[test]
    fn a_rule_hits_only_its_method_and_receptors() {
        let mut rules = rules(serde_json::json!([
            {"method": "verify/lookup", "receptor_suffix": "01", "fault": {"kind": "html_ok"}},
            {"method": "SMS/*", "fault": {"kind": "empty_body"}}
        ]));
        assert_eq!(
            kind(&mut rules, "verify/lookup", "09123004501"),
            Some("html_ok")
        );
        assert_eq!(kind(&mut rules, "verify/lookup", "09123004502"), None);
        assert_eq!(
            kind(&mut rules, "sms/send", "09123004501"),
            Some("empty_body")
        );
        assert_eq!(kind(&mut rules, "account/info", "09123004501"), None);
    }

    #[test]
    fn a_rule_with_times_gives_way_to_the_next() {
        let mut rules = rules(serde_json::json!([
            {"times": 2, "fault": {"kind": "status", "status": 409}},
            {"fault": {"kind": "cut_json"}}
        ]));
        let kinds: Vec<_> = (0..3).map(|_| kind(&mut rules, "sms/send", "1")).collect();
        assert_eq!(kinds, [Some("status"), Some("status"), Some("cut_json")]);
        assert_eq!(rules.rules()[0].applied, 2);
    }

    #[test]
    fn delays_add_up_and_go_with_another_fault() {
        let mut rules = rules(serde_json::json!([
            {"fault": {"kind": "delay", "ms": 20}},
            {"fault": {"kind": "delay", "ms": 5}},
            {"fault": {"kind": "accept_then_hang"}, "accept": false}
        ]));
        let choice = rules.choose("sms/send", &[], 0);
        assert_eq!(
            choice,
            Choice {
                delay_ms: 25,
                fault: Some((Fault::AcceptThenHang, false))
            }
        );
    }

    #[test]
    fn a_rate_limit_bites_only_beyond_its_number() {
        let mut rules = rules(serde_json::json!([
            {"fault": {"kind": "rate_limit", "per_second": 1}}
        ]));
        assert_eq!(rules.choose("sms/send", &[], 0).fault, None);
        let (_, accepts) = rules.choose("sms/send", &[], 999).fault.unwrap();
        assert!(!accepts);
        assert_eq!(rules.choose("sms/send", &[], 1_000).fault, None);
    }

    #[test]
    fn impossible_rules_are_refused() {
        let refused = [
            serde_json::json!([{"rate": 1.5, "fault": {"kind": "html_ok"}}]),
            serde_json::json!([{"fault": {"kind": "status", "status": 100}}]),
            serde_json::json!([{"fault": {"kind": "html_error", "status": 200}}]),
            serde_json::json!([{"fault": {"kind": "redirect", "to": "http://x\ny"}}]),
        ];
        for json in refused {
            assert!(FaultRules::new(serde_json::from_value(json.clone()).unwrap()).is_err());
        }
    }
}
