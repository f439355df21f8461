//! What the apalis backend promises to handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::limits::Rule;
use harness::eventually;
use shared::hot_state::Accepted;
use shared::queue::{Disposal, Job};
use uuid::Uuid;

use crate::stage::{Gate, IDLE, PATIENCE, Runs, START, Stage, challenge_of};

pub(crate) async fn every_job_runs_once_over_two_workers(stage: &Stage) {
    let runs = [Runs::default(), Runs::default()];
    let gate = Gate::closed();
    let workers = runs
        .clone()
        .map(|runs| stage.work(16, gate.holding(&runs, |_| true)));
    let challenges = stage.enqueue(400).await;
    // Sixteen jobs fill the one, so that the other has to take some too.
    for runs in &runs {
        runs.reach(16).await;
    }
    gate.open();
    eventually(PATIENCE, || async {
        (runs[0].total() + runs[1].total() == 400).then_some(())
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
    let of = |challenge| runs[0].of(challenge) + runs[1].of(challenge);
    assert!(challenges.iter().all(|challenge| of(challenge) == 1));
    assert_eq!(runs[0].total() + runs[1].total(), 400);
    assert!(stage.leftovers().await.is_empty());
    assert!(
        stage.stats().await.consumers <= 1,
        "consumers were left behind"
    );
}

pub(crate) async fn i_01_a_job_is_settled_only_after_its_run(stage: &Stage) {
    let held = stage.enqueue(1).await[0];
    let (gate, runs) = (Gate::closed(), Runs::default());
    let worker = stage.work(2, gate.holding(&runs, move |challenge| challenge == held));
    runs.reach(1).await;
    // Jobs that begin later are settled meanwhile: a settlement of the first that came too early would be
    // written before theirs.
    stage.enqueue(20).await;
    runs.reach(21).await;
    eventually(PATIENCE, || async {
        (stage.stats().await.in_flight <= 1).then_some(())
    })
    .await;
    assert_eq!(
        stage.stats().await.in_flight,
        1,
        "settled before its run ended"
    );
    gate.open();
    eventually(PATIENCE, || async {
        stage.leftovers().await.is_empty().then_some(())
    })
    .await;
    worker.stop().await;
}

pub(crate) async fn no_more_jobs_run_at_once_than_there_are_slots(stage: &Stage) {
    let (running, most, runs) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Runs::default(),
    );
    let counted = runs.clone();
    let peak = Arc::clone(&most);
    let worker = stage.work(4, move |job| {
        let (running, most, runs) = (Arc::clone(&running), Arc::clone(&most), counted.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            runs.count(&job);
            Disposal::Done
        }
    });
    stage.enqueue(100).await;
    runs.reach(100).await;
    worker.stop().await;
    assert!(peak.load(Ordering::SeqCst) <= 4);
}

pub(crate) async fn a_notice_runs_like_any_job(stage: &Stage) {
    let notice = Uuid::from_u128(7);
    stage.enqueue_notice(notice, START + 86_400_000).await;
    let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let worker = stage.work(4, move |job| {
        ran.send(job).expect("the test listens");
        async { Disposal::Done }
    });
    let job = tokio::time::timeout(PATIENCE, runs.recv()).await;
    let job = job.expect("in time").expect("a job");
    worker.stop().await;
    assert_eq!(job, Job::notice(notice, START, START + 86_400_000, None));
    assert!(runs.recv().await.is_none(), "it ran twice");
    assert_eq!(stage.stats().await.waiting, 0);
}

pub(crate) async fn f_18_poison_is_buried_and_its_neighbours_run(stage: &Stage) {
    let mut challenges = stage.enqueue(2).await;
    for poison in ["", "{", "\u{0}", "[1,2]", r#"{"v":1,"kind":"send"}"#] {
        stage.enqueue_payload(poison).await;
    }
    challenges.extend(stage.enqueue(3).await);
    let runs = Runs::default();
    let counted = runs.clone();
    let worker = stage.work(8, move |job| {
        counted.count(&job);
        async { Disposal::Done }
    });
    runs.reach(5).await;
    eventually(PATIENCE, || async {
        (stage.stats().await.dead == 5).then_some(())
    })
    .await;
    assert!((worker.counter("ramz_queue_dead_letters_total") - 5.0).abs() < f64::EPSILON);
    worker.stop().await;
    assert!(challenges.iter().all(|challenge| runs.of(challenge) == 1));
}

pub(crate) async fn f_18_a_panicking_handler_is_buried_after_three_runs(stage: &Stage) {
    let challenges = stage.enqueue(10).await;
    let poison = challenges[4];
    let runs = Runs::default();
    let counted = runs.clone();
    let worker = stage.work(4, move |job| {
        counted.count(&job);
        async move {
            assert!(challenge_of(&job) != poison, "this job is meant to panic");
            Disposal::Done
        }
    });
    for run in 1..=3 {
        eventually(PATIENCE, || async {
            (runs.of(&poison) >= run).then_some(())
        })
        .await;
        // The delay is measured by the stage's clock, which stands still.
        eventually(PATIENCE, || async {
            let stats = stage.stats().await;
            (stats.delayed + stats.dead == 1).then_some(())
        })
        .await;
        stage.clock.advance(1_000);
    }
    eventually(PATIENCE, || async {
        (stage.stats().await.dead == 1).then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!((runs.of(&poison), runs.total()), (3, 12));
}

pub(crate) async fn f_25_a_job_of_a_later_version_is_parked_for_a_later_worker(stage: &Stage) {
    stage
        .enqueue_payload(r#"{"v":3,"kind":"send","accepted_at":1763700000000}"#)
        .await;
    stage
        .enqueue_payload(r#"{"v":1,"kind":"fax","accepted_at":1763700000000}"#)
        .await;
    let worker = stage.work(4, |_| async { Disposal::Done });
    eventually(PATIENCE, || async {
        (stage.stats().await.delayed == 2).then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(stage.stats().await.dead, 0);
    // Anyone who knows the version takes it a few seconds later.
    let feed = stage.feed();
    stage.clock.advance(5_000);
    feed.promote(10).await.expect("the queue answers");
    assert_eq!(
        feed.read(10, Duration::from_millis(1))
            .await
            .expect("an answer")
            .len(),
        2
    );
}

pub(crate) async fn q_05_r_33_orphans_are_taken_over_before_new_work(stage: &Stage) {
    let orphans = stage.enqueue(3).await;
    let dead = stage.feed();
    while dead
        .read(3, Duration::from_millis(1))
        .await
        .expect("an answer")
        .is_empty()
    {}
    stage.age_running_jobs(IDLE).await;
    stage.enqueue(20).await;

    let (order, runs) = (Arc::new(std::sync::Mutex::new(Vec::new())), Runs::default());
    let (seen, counted) = (Arc::clone(&order), runs.clone());
    let worker = stage.work(8, move |job| {
        seen.lock().expect("a lock").push(challenge_of(&job));
        counted.count(&job);
        async { Disposal::Done }
    });
    runs.reach(23).await;
    let redelivered = worker.counter("ramz_queue_redelivered_total");
    assert!(
        (redelivered - 3.0).abs() < f64::EPSILON,
        "{redelivered} taken over"
    );
    worker.stop().await;
    assert_eq!(order.lock().expect("a lock")[..3], orphans);
    assert!(orphans.iter().all(|orphan| runs.of(orphan) == 1));
    assert!(stage.leftovers().await.is_empty());
}

pub(crate) async fn q_09_a_job_that_two_workers_died_over_runs_alone(stage: &Stage) {
    let suspect = stage.enqueue(1).await[0];
    let first = stage.feed();
    while first
        .read(1, Duration::from_millis(1))
        .await
        .expect("an answer")
        .is_empty()
    {}
    stage.age_running_jobs(IDLE).await;
    stage
        .feed()
        .claim_orphan(IDLE)
        .await
        .expect("an answer")
        .expect("the orphan");
    stage.age_running_jobs(IDLE).await;

    let (running, runs) = (Arc::new(AtomicUsize::new(0)), Runs::default());
    let beside = Arc::new(AtomicUsize::new(usize::MAX));
    let (counted, noted) = (runs.clone(), Arc::clone(&beside));
    let worker = stage.work(8, move |job| {
        let (running, runs, noted) = (Arc::clone(&running), counted.clone(), Arc::clone(&noted));
        async move {
            let before = running.fetch_add(1, Ordering::SeqCst);
            // Long enough for others to start, if they could.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            let after = running.fetch_sub(1, Ordering::SeqCst) - 1;
            if challenge_of(&job) == suspect {
                noted.store(before.max(after), Ordering::SeqCst);
            }
            runs.count(&job);
            Disposal::Done
        }
    });
    stage.enqueue(200).await;
    runs.reach(201).await;
    worker.stop().await;
    assert_eq!(beside.load(Ordering::SeqCst), 0, "others ran beside it");
}

pub(crate) async fn q_09_a_job_that_kills_its_worker_three_times_is_buried(stage: &Stage) {
    let killer = stage.enqueue(1).await[0];
    let first = stage.feed();
    while first
        .read(1, Duration::from_millis(1))
        .await
        .expect("an answer")
        .is_empty()
    {}
    for _ in 0..2 {
        stage.age_running_jobs(IDLE).await;
        stage
            .feed()
            .claim_orphan(IDLE)
            .await
            .expect("an answer")
            .expect("the orphan");
    }
    stage.age_running_jobs(IDLE).await;
    let neighbours = stage.enqueue(5).await;
    let runs = Runs::default();
    let counted = runs.clone();
    let worker = stage.work(4, move |job| {
        counted.count(&job);
        async { Disposal::Done }
    });
    runs.reach(5).await;
    eventually(PATIENCE, || async {
        (stage.stats().await.dead == 1).then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(runs.of(&killer), 0, "it was run a fourth time");
    assert!(neighbours.iter().all(|neighbour| runs.of(neighbour) == 1));
}

pub(crate) async fn f_14_a_stop_finishes_what_runs_and_gives_back_what_waits(stage: &Stage) {
    stage.enqueue(20).await;
    let (gate, started) = (Gate::closed(), Runs::default());
    let worker = stage.work(2, gate.holding(&started, |_| true));
    started.reach(2).await;
    worker.stop.cancel();
    gate.open();
    worker.stop().await;
    assert_eq!(started.total(), 2, "a job was started after the stop");
    let stats = stage.stats().await;
    assert_eq!((stats.waiting, stats.in_flight), (18, 0));
    let taken = stage
        .feed()
        .read(100, Duration::from_millis(1))
        .await
        .expect("an answer");
    assert_eq!(taken.len(), 18);
    assert!(
        taken
            .iter()
            .all(|delivery| (delivery.attempts, delivery.deliveries) == (0, 1))
    );
}

pub(crate) async fn a_job_that_workers_died_over_does_not_close_the_service(stage: &Stage) {
    stage.enqueue(1).await;
    let dead = stage.feed();
    while dead
        .read(1, Duration::from_millis(1))
        .await
        .expect("an answer")
        .is_empty()
    {}
    stage.clock.advance(50_000);
    let accepted = stage.ask(40_000).await;
    assert!(
        matches!(
            accepted,
            Accepted::Refused {
                rule: Rule::QueueSlow,
                ..
            }
        ),
        "taken once, it may just be slow: {accepted:?}"
    );
    stage.age_running_jobs(IDLE).await;
    stage
        .feed()
        .claim_orphan(IDLE)
        .await
        .expect("an answer")
        .expect("the orphan");
    let accepted = stage.ask(40_000).await;
    assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
}
