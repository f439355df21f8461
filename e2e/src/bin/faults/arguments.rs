//! The command line.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use domain::random::Random;
use e2e::faults::{OutageKind, OutagePlan};

/// Kills, stops and cuts off parts of a running system and looks up every request afterwards.
///
/// Starts real binaries with a Redis and a PostgreSQL of their own on 127.0.0.1, puts them under
/// load, breaks something, waits until all is settled, and holds: every 202 is exactly one message
/// at the gateway or a recorded final failure, and no message goes out twice unless the ledger says
/// so. Ends with 1 if that was violated, with 2 if a run could not be carried out.
#[derive(Debug, Parser)]
#[command(name = "faults", version)]
pub(crate) struct Arguments {
    /// What happens
    #[arg(long, value_enum, default_value_t = Chosen::Kills)]
    scenario: Chosen,

    /// Decides victims and moments; drawn and printed if it is not given
    #[arg(long)]
    seed: Option<u64>,

    /// Runs of `kills`, of a fail-over or of `stall` [default: 30, 10 and 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: Option<u32>,

    /// Carry out this run of the seed only
    #[arg(long, value_name = "RUN")]
    only_run: Option<u32>,

    /// Requests of a run of `kills` or `stall`
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=50_000))]
    requests: u32,

    /// How long the gateway is away
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    outage_seconds: u64,

    /// How the gateway is away
    #[arg(long, value_enum, default_value_t = Outage::Refused)]
    outage: Outage,

    /// Requests a second around the outage or the fail-over
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    rate: u32,

    /// How long the gateway takes for a call, in milliseconds: longer ones are interrupted more
    /// often
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=5_000))]
    pub(crate) gateway_delay_ms: u64,

    /// A setting of api and workers, may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub(crate) settings: Vec<(String, String)>,

    /// Keep the logs of every run, not of those with a violation only
    #[arg(long)]
    pub(crate) keep_logs: bool,

    /// Folder for the figures and the logs
    #[arg(
        long,
        default_value = "target/faults",
        value_name = "DIR",
        overrides_with = "output"
    )]
    pub(crate) output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Chosen {
    /// SIGKILL of a worker, the API or Redis at a random moment
    Kills,
    /// The gateway is away for a while
    GatewayOutage,
    /// SIGSTOP of a worker for 20 s, then of Redis for 3 s
    Stall,
    /// Another Redis takes over behind the same address
    RedisFailover,
    /// Another PostgreSQL takes over behind the same address
    PostgresFailover,
    /// One after the other, without the fail-overs
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Outage {
    /// Connections are refused
    Refused,
    /// A proxy answers 502
    BadGateway,
}

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Kills,
    GatewayOutage,
    Stall,
    RedisFailover,
    PostgresFailover,
}

impl Scenario {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::GatewayOutage => "gateway-outage",
            Self::Stall => "stall",
            Self::RedisFailover => "redis-failover",
            Self::PostgresFailover => "postgres-failover",
        }
    }
}

impl Arguments {
    /// The seed given, or a new one.
    pub(crate) fn seed(&self) -> u64 {
        // Short enough to be typed.
        let new = || u64::from(u32::from_le_bytes(Random::operating_system().bytes()));
        self.seed.unwrap_or_else(new)
    }

    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        match self.scenario {
            Chosen::Kills => vec![Scenario::Kills],
            Chosen::GatewayOutage => vec![Scenario::GatewayOutage],
            Chosen::Stall => vec![Scenario::Stall],
            Chosen::RedisFailover => vec![Scenario::RedisFailover],
            Chosen::PostgresFailover => vec![Scenario::PostgresFailover],
            Chosen::All => vec![Scenario::Kills, Scenario::Stall, Scenario::GatewayOutage],
        }
    }

    /// The name of what was chosen, for the file of figures.
    pub(crate) fn scenario_name(&self) -> &'static str {
        match *self.scenarios() {
            [scenario] => scenario.name(),
            _ => "all",
        }
    }

    /// The numbers of the runs of a scenario.
    pub(crate) fn runs_of(&self, scenario: Scenario) -> RangeInclusive<u32> {
        if let Some(run) = self.only_run {
            return run..=run;
        }
        let is_alone = self.scenarios().len() == 1;
        1..=match scenario {
            Scenario::Kills => self.runs.unwrap_or(30),
            Scenario::RedisFailover | Scenario::PostgresFailover => self.runs.unwrap_or(10),
            Scenario::Stall if is_alone => self.runs.unwrap_or(1),
            Scenario::Stall | Scenario::GatewayOutage => 1,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests as usize
    }

    pub(crate) fn gateway_delay(&self) -> Duration {
        Duration::from_millis(self.gateway_delay_ms)
    }

    pub(crate) fn outage(&self) -> OutagePlan {
        OutagePlan {
            kind: match self.outage {
                Outage::Refused => OutageKind::Refused,
                Outage::BadGateway => OutageKind::BadGateway,
            },
            lasts: Duration::from_secs(self.outage_seconds),
            per_second: self.rate,
        }
    }

    /// The command that repeats a run.
    pub(crate) fn again(&self, scenario: &str, seed: u64, run: u32) -> String {
        let load = if scenario.ends_with("failover") {
            format!("--rate {}", self.rate)
        } else if scenario == Scenario::GatewayOutage.name() {
            let kind = match self.outage {
                Outage::Refused => "refused",
                Outage::BadGateway => "bad-gateway",
            };
            let (seconds, rate) = (self.outage_seconds, self.rate);
            format!("--outage {kind} --outage-seconds {seconds} --rate {rate}")
        } else {
            format!("--requests {}", self.requests)
        };
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| format!(" --set {name}={value}"))
            .collect();
        format!(
            "scripts/faults --scenario {scenario} --seed {seed} --only-run {run} {load} \
             --gateway-delay-ms {}{}",
            self.gateway_delay_ms,
            settings.concat()
        )
    }

    /// After this a run is given up: the outage, ten minutes, and 50 ms a request.
    pub(crate) fn run_limit(&self) -> Duration {
        let millis = 50 * u64::from(self.requests) + 1000 * self.outage_seconds;
        Duration::from_mins(10) + Duration::from_millis(millis)
    }
}

fn parse_setting(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text
        .split_once('=')
        .ok_or("NAME=VALUE is expected, such as KAVENEGAR_RATE=1000")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Arguments {
        Arguments::parse_from([&["faults"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_command_that_repeats_a_run_means_the_same() {
        let given = [
            "--requests",
            "300",
            "--gateway-delay-ms",
            "7",
            "--set",
            "A=b",
        ];
        let again = parse(&given).again("kills", 5, 2);
        let words: Vec<&str> = again.split(' ').skip(1).collect();
        let parsed = parse(&words);
        assert_eq!((parsed.seed(), parsed.requests()), (5, 300));
        assert_eq!(parsed.runs_of(Scenario::Kills), 2..=2);
        assert_eq!(parsed.gateway_delay_ms, 7);
        assert_eq!(parsed.settings, [("A".to_owned(), "b".to_owned())]);

        let given = [
            "--outage",
            "bad-gateway",
            "--outage-seconds",
            "9",
            "--rate",
            "3",
        ];
        let again = parse(&given).again("gateway-outage", 5, 1);
        let words: Vec<&str> = again.split(' ').skip(1).collect();
        assert_eq!(parse(&words).outage(), parse(&given).outage());
    }

    #[test]
    fn runs_are_those_of_the_scenario_unless_one_is_picked() {
        assert_eq!(parse(&[]).runs_of(Scenario::Kills), 1..=30);
        let all = parse(&["--scenario", "all", "--runs", "5"]);
        assert_eq!(all.runs_of(Scenario::Kills), 1..=5);
        assert_eq!(all.runs_of(Scenario::Stall), 1..=1);
        let picked = parse(&["--scenario", "stall", "--only-run", "4"]);
        assert_eq!(picked.runs_of(Scenario::Stall), 4..=4);
        assert_eq!(picked.scenario_name(), "stall");
    }
}
