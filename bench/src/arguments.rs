//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures Ramz beside bare floors, in the same run on the same machine.
///
/// Every figure is measured in rounds in which Ramz and its floor take turns; what counts is the
/// ratio, because absolute figures belong to one machine. Servers and processes are started on free
/// ports of 127.0.0.1 and ended with the run.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures, prints the table and writes it with the figures and the chart
    Run(RunArguments),
    /// Measures builds of Ramz beside one another: what a change gained
    Compare(CompareArguments),
    /// Fills a database with users and with a ledger of their messages
    Grow(GrowArguments),
    /// Goes through every page and search of a running console, and says how long each takes
    Console(ConsoleArguments),
    /// Draws the chart of a file of figures
    Chart(ChartArguments),
    /// Writes the tables of files of figures into a document, between its markers
    Report(ReportArguments),
    /// Serves what the API is compared with
    Floor(FloorArguments),
    /// Serves a part of what whole sign-ins are compared with
    #[command(subcommand)]
    SignInFloor(SignInFloorPart),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Measure these alone. Without it all is measured but `growth` and `console`, which fill a database
    /// first, `peers`, which have to be installed first, and `scale`
    #[arg(long, value_enum, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<Subject>,

    /// Rounds; the median of them counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) rounds: u32,

    /// How long one measurement of a rate lasts
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=30))]
    pub(crate) seconds: u64,

    /// Messages that one worker sends in a measurement
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=50_000))]
    pub(crate) sends: u64,

    /// Jobs that wait in the long queue
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
    pub(crate) waiting_jobs: u64,

    #[command(flatten)]
    pub(crate) size: GrowSize,

    /// Where figures, table and chart go
    #[arg(
        long,
        default_value = "target/bench",
        value_name = "FOLDER",
        overrides_with = "out"
    )]
    pub(crate) out: PathBuf,

    /// Where `scripts/bench-peers install` has put the peers
    #[arg(
        long,
        default_value = "target/bench-peers",
        value_name = "FOLDER",
        overrides_with = "peers_dir"
    )]
    pub(crate) peers_dir: PathBuf,

    /// Where the binaries of Ramz are [default: beside this program]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) bin_dir: Option<PathBuf>,

    /// Measure binaries that were built without optimisation; the figures mean nothing then
    #[arg(long)]
    pub(crate) allow_debug: bool,
}

impl RunArguments {
    /// How long one measurement of a rate lasts.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// What is to be measured.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let all = Subject::value_variants().iter().copied();
        if self.only.is_empty() {
            let alone = [
                Subject::Growth,
                Subject::Peers,
                Subject::Scale,
                Subject::Console,
            ];
            all.filter(|subject| !alone.contains(subject)).collect()
        } else {
            all.filter(|subject| self.only.contains(subject)).collect()
        }
    }
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Accepted requests a second, and their latency at half of that load
    Accept,
    /// From the request to the call of the gateway, on an idle system
    Idle,
    /// Messages a second by one worker
    Sends,
    /// The queue alone, and apalis-redis beside it
    Queue,
    /// What an accepted request takes in Redis, and the memory of the processes
    Memory,
    /// The one-process shape on SQLite
    Standalone,
    /// Whole sign-ins a second, what each step of one costs, and how long it takes at half of that rate
    SignIns,
    /// Whole sign-ins beside those of better-auth and of a Django service
    Peers,
    /// Whole sign-ins with 1, 2 and 4 processes of each kind
    Scale,
    /// A database with a past, and more workers
    Growth,
    /// Requests and verifications while somebody goes through the console, on a database with a past
    Console,
}

impl Subject {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Idle => "idle",
            Self::Sends => "sends",
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::Standalone => "standalone",
            Self::SignIns => "sign-ins",
            Self::Peers => "peers",
            Self::Scale => "scale",
            Self::Growth => "growth",
            Self::Console => "console",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Folders with the binaries of each build, the one to compare with first
    #[arg(required = true, num_args = 2..=8, value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,

    /// What is measured
    #[arg(long, value_enum, default_value_t = Compared::Accept, value_name = "NAME")]
    pub(crate) what: Compared,

    /// Rounds; the median of them counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) rounds: u32,

    /// How long one measurement lasts
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=30))]
    pub(crate) seconds: u64,

    /// Messages of one measurement of a worker, or codes of one of verifications
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=50_000))]
    pub(crate) sends: u64,

    /// Compare binaries that were built without optimisation; the figures mean nothing then
    #[arg(long)]
    pub(crate) allow_debug: bool,
}

/// What builds can be compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compared {
    /// Accepted requests a second
    Accept,
    /// Messages a second by one worker
    Sends,
    /// Right codes given back a second, each by somebody new
    Verifications,
    /// Whole sign-ins a second, each by somebody new
    SignIns,
}

/// How much a database has been through.
#[derive(Clone, Debug, Args)]
pub(crate) struct GrowSize {
    /// Users of the large database
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    pub(crate) users: u64,

    /// Rows of its ledger
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=500_000_000))]
    pub(crate) ledger_rows: u64,
}

#[derive(Debug, Args)]
pub(crate) struct GrowArguments {
    /// A migrated PostgreSQL database without users
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: String,

    #[command(flatten)]
    pub(crate) size: GrowSize,
}

#[derive(Debug, Args)]
pub(crate) struct ConsoleArguments {
    /// The database of the installation; somebody of the staff is signed in there
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: String,

    /// Where its console is
    #[arg(long, default_value = "http://127.0.0.1:8001", value_name = "URL")]
    pub(crate) console: String,

    /// Requests for each page
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) requests: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ChartArguments {
    /// The file of figures
    #[arg(default_value = "target/bench/results.json")]
    pub(crate) results: PathBuf,

    /// The picture (SVG)
    #[arg(long, default_value = "target/bench/latency.svg", value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The files of figures, one after the other
    #[arg(default_value = "target/bench/results.json")]
    pub(crate) results: Vec<PathBuf>,

    /// The document whose part between the markers is replaced; its chart is written beside it.
    /// Without it the part is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FloorArguments {
    /// Address and port
    #[arg(long)]
    pub(crate) listen: SocketAddr,

    /// Write to this Redis
    #[arg(long, conflicts_with = "sqlite", required_unless_present = "sqlite")]
    pub(crate) redis: Option<String>,

    /// Write to this SQLite file
    #[arg(long)]
    pub(crate) sqlite: Option<PathBuf>,
}

/// A process of what whole sign-ins are compared with.
#[derive(Debug, Subcommand)]
pub(crate) enum SignInFloorPart {
    /// Answers requests
    Api {
        /// Address and port
        #[arg(long)]
        listen: SocketAddr,
        /// Where codes and jobs are kept
        #[arg(long)]
        redis: String,
        /// Where people and sessions are kept
        #[arg(long)]
        database_url: String,
    },
    /// Takes jobs and makes the calls of the gateway
    Loop {
        /// Where jobs are kept
        #[arg(long)]
        redis: String,
        /// The gateway
        #[arg(long)]
        gateway: String,
    },
    /// Both in one, on an SQLite file
    Alone {
        /// Address and port
        #[arg(long)]
        listen: SocketAddr,
        /// The file
        #[arg(long)]
        sqlite: PathBuf,
        /// The gateway
        #[arg(long)]
        gateway: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(line: &[&str]) -> Vec<Subject> {
        let line = ["bench", "run"].iter().chain(line);
        match Arguments::try_parse_from(line)
            .expect("a command line")
            .command
        {
            Command::Run(arguments) => arguments.subjects(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_whole_run_leaves_out_what_has_to_be_prepared() {
        let all = subjects(&[]);
        assert_eq!(all.len() + 4, Subject::value_variants().len());
        for left_out in [
            Subject::Growth,
            Subject::Peers,
            Subject::Scale,
            Subject::Console,
        ] {
            assert!(!all.contains(&left_out), "{left_out:?}");
        }
    }

    #[test]
    fn parts_are_chosen_by_their_names() {
        for subject in Subject::value_variants() {
            assert_eq!(subjects(&["--only", subject.name()]), [*subject]);
        }
        let two = subjects(&["--only", "growth", "--only", "queue"]);
        assert_eq!(two, [Subject::Queue, Subject::Growth]);
        let two = subjects(&["--only", "sign-ins,peers"]);
        assert_eq!(two, [Subject::SignIns, Subject::Peers]);
    }
}
