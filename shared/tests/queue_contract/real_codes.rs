//! The same codes from real servers, each brought into the state in which it says so.

use std::path::Path;

use domain::challenge::ChallengeId;
use harness::{Process, RedisServer, Relay, eventually, free_port};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};
use tempfile::TempDir;

use crate::codes::Held;
use crate::stage::{PATIENCE, Stage, connect};

/// `CONFIG SET a b`, say: the words of a command.
fn command(words: &str) -> Cmd {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().expect("a name"));
    command.arg(words.collect::<Vec<_>>());
    command
}

async fn say<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &str) -> T {
    let answer = command(words).query_async(connection).await;
    answer.unwrap_or_else(|error| panic!("{words}: {error}"))
}

/// Until anyone who asks for a code meets it.
async fn is_met(stage: &Stage, code: &str) {
    eventually(PATIENCE, || async {
        let error = stage.try_ask().await.err()?.to_string();
        error.contains(code).then_some(())
    })
    .await;
}

/// A server with settings of its own.
struct Node {
    process: Process,
    arguments: Vec<String>,
    port: u16,
    bus: u16,
    folder: TempDir,
}

impl Node {
    async fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, bus) = (free_port(), free_port());
        let folder_name = folder.path().display();
        let arguments =
            format!("--port {port} --bind 127.0.0.1 --dir {folder_name} --save {settings}");
        let arguments: Vec<String> = arguments
            .split(' ')
            // `--save ""`
            .flat_map(|word| {
                if word == "--save" {
                    vec![word, ""]
                } else {
                    vec![word]
                }
            })
            .map(|word| word.replace("BUS", &bus.to_string()))
            .collect();
        let process = Process::program("redis-server").args(&arguments).start();
        let node = Self {
            process,
            arguments,
            port,
            bus,
            folder,
        };
        node.answers("PONG").await;
        node
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    async fn answers(&self, wanted: &str) {
        eventually(PATIENCE, || async {
            let client = redis::Client::open(self.url()).ok()?;
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            let answer = command("PING").query_async::<String>(&mut connection).await;
            let answer = answer.unwrap_or_else(|error| error.to_string());
            answer.contains(wanted).then_some(())
        })
        .await;
    }
}

/// Trouble of the one server there is, which begins and ends by these commands.
async fn comes_and_goes(code: &str, begin: &[&str], end: &[&str]) {
    let server = RedisServer::start().await;
    let mut hand = connect(&server.url()).await;
    let stage = Stage::on_redis(&server.url());
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;
    for words in begin {
        say::<redis::Value>(&mut hand, words).await;
    }
    is_met(&stage, code).await;
    held.gate.add_permits(1);
    for words in end {
        say::<redis::Value>(&mut hand, words).await;
    }
    held.heals(&stage, &stage, running, code).await;
    held.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_password_that_redis_wants_of_late_is_noauth() {
    let [begin, end] = ["CONFIG SET requirepass secret", "CONFIG SET requirepass "];
    comes_and_goes("NOAUTH", &[begin], &[end]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_full_redis_is_oom() {
    let [begin, end] = ["CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"];
    comes_and_goes("OOM", &[begin], &[end]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_read_that_is_ended_from_outside_is_unblocked() {
    let server = RedisServer::start().await;
    let mut hand = connect(&server.url()).await;
    let stage = Stage::on_redis(&server.url());
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;
    let waiting = eventually(PATIENCE, async || {
        let clients: String = say(&mut hand, "CLIENT LIST").await;
        let reader = clients
            .lines()
            .find(|line| line.contains("cmd=xreadgroup") && line.contains("flags=b"))?;
        let id = reader
            .split(' ')
            .find_map(|field| field.strip_prefix("id="))?;
        Some(id.to_owned())
    })
    .await;
    let ended: i64 = say(&mut hand, &format!("CLIENT UNBLOCK {waiting} ERROR")).await;
    assert_eq!(ended, 1);
    held.heals(&stage, &stage, running, "UNBLOCKED").await;
    held.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_redis_that_cannot_save_is_misconf() {
    let server = RedisServer::start().await;
    let mut hand = connect(&server.url()).await;
    let stage = Stage::on_redis(&server.url());
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;
    // Its file cannot take the place of a folder.
    let folder: Vec<String> = say(&mut hand, "CONFIG GET dir").await;
    let in_the_way = Path::new(&folder[1]).join("dump.rdb");
    std::fs::create_dir(&in_the_way).expect("a folder");
    std::fs::write(in_the_way.join("file"), "").expect("written");
    let mut save = redis::cmd("CONFIG");
    save.arg("SET").arg("save").arg("3600 1000000");
    save.query_async::<()>(&mut hand).await.expect("a setting");
    say::<redis::Value>(&mut hand, "CONFIG SET stop-writes-on-bgsave-error yes").await;
    say::<redis::Value>(&mut hand, "BGSAVE").await;
    is_met(&stage, "MISCONF").await;
    held.gate.add_permits(1);
    std::fs::remove_dir_all(&in_the_way).expect("removed");
    say::<redis::Value>(&mut hand, "BGSAVE").await;
    held.heals(&stage, &stage, running, "MISCONF").await;
    held.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_redis_that_runs_a_script_without_end_is_busy() {
    let server = RedisServer::start().await;
    let mut hand = connect(&server.url()).await;
    let stage = Stage::on_redis(&server.url());
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;
    say::<redis::Value>(&mut hand, "CONFIG SET busy-reply-threshold 20").await;
    let url = server.url();
    let script = tokio::spawn(async move {
        let mut command = redis::cmd("EVAL");
        command.arg("while true do end").arg(0);
        command.query_async::<()>(&mut connect(&url).await).await
    });
    is_met(&stage, "BUSY").await;
    held.gate.add_permits(1);
    say::<redis::Value>(&mut hand, "SCRIPT KILL").await;
    script.await.expect("no panic").expect_err("killed");
    held.heals(&stage, &stage, running, "BUSY").await;
    held.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_redis_that_reads_its_file_is_loading() {
    let settings = "--appendonly yes --appendfsync always --enable-debug-command yes \
         --loading-process-events-interval-bytes 1024";
    let mut node = Node::start(settings).await;
    let mut hand = connect(&node.url()).await;
    let stage = Stage::on_redis(&node.url());
    let held = Held::on(&stage);
    // What takes long to read.
    say::<redis::Value>(&mut hand, "DEBUG POPULATE 200 padding 1000").await;
    say::<redis::Value>(&mut hand, "BGREWRITEAOF").await;
    eventually(PATIENCE, async || {
        let state: String = say(&mut hand, "INFO persistence").await;
        let done = ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"];
        done.iter().all(|done| state.contains(done)).then_some(())
    })
    .await;
    let running = held.begin(&stage).await;
    node.process.kill();
    let slowly = ["--key-load-delay", "10000"].map(str::to_owned);
    let arguments: Vec<String> = node.arguments.iter().cloned().chain(slowly).collect();
    node.process = Process::program("redis-server").args(&arguments).start();
    is_met(&stage, "LOADING").await;
    held.gate.add_permits(1);
    node.answers("PONG").await;
    held.heals(&stage, &stage, running, "LOADING").await;
    held.worker.stop().await;
    drop(node.folder);
}

const CLUSTER: &str = "--appendonly yes --cluster-enabled yes --cluster-port BUS";

/// A node of a cluster that has all of it.
async fn whole_cluster() -> (Node, MultiplexedConnection) {
    let node = Node::start(CLUSTER).await;
    let mut hand = connect(&node.url()).await;
    say::<redis::Value>(&mut hand, "CLUSTER ADDSLOTSRANGE 0 16383").await;
    is_whole(&mut hand).await;
    (node, hand)
}

async fn is_whole(hand: &mut MultiplexedConnection) {
    eventually(PATIENCE, async || {
        let state: String = say(hand, "CLUSTER INFO").await;
        state.contains("cluster_state:ok").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_cluster_that_lacks_a_part_is_clusterdown() {
    let (node, mut hand) = whole_cluster().await;
    let stage = Stage::on_redis(&node.url());
    let held = Held::on(&stage);
    let running: ChallengeId = held.begin(&stage).await;
    say::<redis::Value>(&mut hand, "CLUSTER DELSLOTS 0").await;
    is_met(&stage, "CLUSTERDOWN").await;
    held.gate.add_permits(1);
    say::<redis::Value>(&mut hand, "CLUSTER ADDSLOTS 0").await;
    is_whole(&mut hand).await;
    held.heals(&stage, &stage, running, "CLUSTERDOWN").await;
    held.worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_node_that_has_given_the_keys_away_is_moved() {
    let ((first, mut first_hand), second) = tokio::join!(whole_cluster(), Node::start(CLUSTER));
    let mut second_hand = connect(&second.url()).await;
    let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", first.port, first.bus);
    say::<redis::Value>(&mut second_hand, &meet).await;
    is_whole(&mut second_hand).await;
    let relay = Relay::start(format!("127.0.0.1:{}", first.port)).await;
    let stage = Stage::on_redis(&format!("redis://{}/", relay.address()));
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;

    let slot: u64 = say(
        &mut first_hand,
        &format!("CLUSTER KEYSLOT {}", stage.key("jobs")),
    )
    .await;
    let owner: String = say(&mut second_hand, "CLUSTER MYID").await;
    let give = command(&format!("CLUSTER SETSLOT {slot} NODE {owner}"));
    give.query_async::<()>(&mut second_hand)
        .await
        .expect("taken");
    relay.lead_to(format!("127.0.0.1:{}", second.port));
    // A node gives away only what is empty; the worker makes its group again in between.
    let mut give_all = redis::pipe();
    give_all
        .atomic()
        .add_command(command("FLUSHALL"))
        .ignore()
        .add_command(give)
        .ignore();
    give_all
        .query_async::<()>(&mut first_hand)
        .await
        .expect("given away");
    let seen = stage.on_same_keys_of(&second.url());
    held.heals(&stage, &seen, running, "MOVED").await;
    held.worker.stop().await;
}
