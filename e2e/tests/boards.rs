//! What an operator watches: the boards of Grafana, the rules and alerts of Prometheus, and the
//! runbooks. All of it is looked at as files, and every query is run against a system at work.

mod alerts;
mod files;
mod prometheus;
mod running;
mod schema;
mod traffic;
mod woken;
