use super::*;
use crate::backend::fake::FakeBackend;
use crate::models::testing::{Shelf, cpu, use_of};
use crate::models::{Bounds, Loader};
use crate::telemetry::Metrics;
use crate::ticket::Failed;
use inference_api::transcript::{Segment, Task as Asked, Word};
use inference_audio::chunks::Chunk;
use inference_audio::{Container, SourceFormat};
use std::thread;

const SECOND: usize = 16_000;

pub(crate) fn flow(caller: &str) -> Flow {
    Flow {
        caller: caller.to_owned(),
        priority: 5,
    }
}

/// Of a model that is loaded.
pub(crate) fn wanted() -> Wanted {
    wanted_of(use_of(Arc::new(FakeBackend::default()), 4))
}

pub(crate) fn wanted_of(model: Use) -> Wanted {
    Wanted {
        model,
        options: DecodeOptions {
            task: Asked::Transcribe,
            language: None,
            prompt: None,
            hotwords: None,
            temperature: 0.0,
            words: true,
            logprobs: false,
        },
        finds_language: false,
        carries_text: false,
    }
}

pub(crate) fn chunk(start: u64, samples: usize) -> Chunk {
    Chunk {
        start,
        samples: vec![0.0; samples],
        spoken: samples,
        is_whole: false,
    }
}

fn all_of_it(duration: Duration) -> DecodedAudio {
    DecodedAudio {
        duration,
        source: SourceFormat {
            container: Container::Wav,
            codec: "pcm_s16le",
            sample_rate: 16_000,
            channels: 1,
        },
        truncated: false,
    }
}

/// One word in a piece, from its second tenth of a second to the third.
fn heard(task: &Task, word: &str) -> Decoded {
    let segment = Segment {
        id: 0,
        seek: 0,
        start: 0.1,
        end: 0.3,
        text: format!(" {word}"),
        tokens: vec![1],
        temperature: 0.0,
        avg_logprob: -0.1,
        compression_ratio: 1.0,
        no_speech_prob: 0.0,
    };
    let words = vec![Word {
        word: word.to_owned(),
        start: 0.1,
        end: 0.3,
    }];
    Decoded {
        language: task
            .piece
            .options()
            .language
            .unwrap_or(Language::parse("fr").unwrap()),
        language_probability: None,
        segments: vec![segment],
        words: Some(words),
        logprobs: None,
        audio: Duration::from_secs(1),
        fell_back: false,
    }
}

/// A session that hears it.
fn hears(task: Task, queue: &Queue, word: &str) {
    let finished = Finished {
        decoded: heard(&task, word),
        start: task.piece.start,
        waited: Duration::ZERO,
        ran: Duration::from_millis(10),
    };
    task.ended(queue, Ok(finished));
}

#[tokio::test]
async fn parts_come_in_the_order_of_the_audio_whatever_piece_ends_first() {
    let queue = Queue::new(3);
    let (mut ticket, mut feeder) = queue.open(flow("a"), wanted());
    for second in 0..3 {
        feeder.push(chunk(second * SECOND as u64, SECOND)).unwrap();
    }
    feeder.finish(Ok(all_of_it(Duration::from_millis(3_200))));
    let mut tasks: Vec<_> = (0..3).map(|_| queue.take().unwrap()).collect();
    for word in ["three", "two", "one"] {
        hears(tasks.pop().unwrap(), &queue, word);
    }
    let mut seen = Vec::new();
    while let Some(part) = ticket.part().await {
        let part = part.unwrap();
        let (segment, word) = (&part.segments[0], &part.words.as_ref().unwrap()[0]);
        assert_eq!((segment.start, segment.end), (word.start, word.end));
        seen.push((
            segment.id,
            segment.seek,
            segment.start,
            segment.text.clone(),
        ));
    }
    let part = |id, seek, start, text: &str| (id, seek, start, text.to_owned());
    assert_eq!(
        seen,
        [
            part(0, 0, 0.1, " one"),
            part(1, 100, 1.1, " two"),
            part(2, 200, 2.1, " three")
        ]
    );
    let measured = ticket.measured();
    assert_eq!(measured.charged(), Duration::from_millis(3_200));
    assert_eq!(measured.ran, Duration::from_millis(30));
    drop(ticket);
    assert_eq!(queue.load().mean_service, Duration::from_millis(30));
}

#[test]
fn a_caller_who_has_gone_leaves_the_queue_at_once_and_what_runs_of_his_is_told_to_stop() {
    let queue = Queue::new(2);
    let (first, mut feeder) = queue.open(flow("a"), wanted());
    let (_second, mut other) = queue.open(flow("b"), wanted());
    for _ in 0..3 {
        feeder.push(chunk(0, SECOND)).unwrap();
    }
    other.push(chunk(7, SECOND)).unwrap();
    let of_first = queue.take().unwrap();
    drop(first);
    assert_eq!((queue.load().waiting, queue.load().running), (1, 1));
    assert!(of_first.abort.is_aborted() && feeder.abort().is_aborted());
    assert_eq!(feeder.push(chunk(0, SECOND)), Err(Gone));
    hears(of_first, &queue, "late");
    let of_second = queue.take().unwrap();
    assert_eq!(of_second.piece.start, 7);
    assert!(!of_second.abort.is_aborted());
    assert_eq!((queue.load().waiting, queue.load().running), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_decoded_no_further_ahead_than_its_answer_is_taken() {
    let queue = Queue::new(1);
    let (mut ticket, mut feeder) = queue.open(flow("a"), wanted());
    let decoder = thread::spawn(move || {
        for _ in 0..6 {
            feeder.push(chunk(0, SECOND)).unwrap();
        }
        feeder.finish(Ok(all_of_it(Duration::from_secs(6))));
    });
    for _ in 0..6 {
        let task = queue.take().unwrap();
        // One that runs and one ahead: those whose part was not taken count.
        assert!(queue.load().waiting <= 1);
        hears(task, &queue, "word");
        assert!(ticket.part().await.unwrap().is_ok());
    }
    assert!(ticket.part().await.is_none());
    decoder.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_of_the_first_piece_is_that_of_the_others() {
    let queue = Queue::new(4);
    let finds = Wanted {
        finds_language: true,
        ..wanted()
    };
    let (mut ticket, mut feeder) = queue.open(flow("a"), finds);
    let decoder = thread::spawn(move || {
        for _ in 0..3 {
            feeder.push(chunk(0, SECOND)).unwrap();
        }
        feeder.finish(Ok(all_of_it(Duration::from_secs(3))));
    });
    let first = queue.take().unwrap();
    assert_eq!(first.piece.options().language, None);
    hears(first, &queue, "un");
    assert!(ticket.part().await.unwrap().is_ok());
    for _ in 0..2 {
        let next = queue.take().unwrap();
        assert_eq!(next.piece.options().language, Language::parse("fr"));
        hears(next, &queue, "deux");
    }
    decoder.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_is_told_what_was_said_before_it_where_that_is_asked() {
    let queue = Queue::new(4);
    let mut carries = Wanted {
        carries_text: true,
        ..wanted()
    };
    carries.options.prompt = Some("Names.".to_owned());
    let (mut ticket, mut feeder) = queue.open(flow("a"), carries);
    let decoder = thread::spawn(move || {
        for _ in 0..3 {
            feeder.push(chunk(0, SECOND)).unwrap();
        }
        feeder.finish(Ok(all_of_it(Duration::from_secs(3))));
    });
    for (prompt, word) in [
        ("Names.", "one"),
        ("Names. one", "two"),
        ("Names. one two", "three"),
    ] {
        let task = queue.take().unwrap();
        assert_eq!(task.piece.options().prompt.as_deref(), Some(prompt));
        hears(task, &queue, word);
        assert!(ticket.part().await.unwrap().is_ok());
    }
    decoder.join().unwrap();
}

#[test]
fn what_was_said_is_kept_as_far_as_the_model_reads_and_forgotten_after_a_doubtful_text() {
    let queue = Queue::new(1);
    let (_ticket, mut feeder) = queue.open(flow("a"), wanted());
    feeder.push(chunk(0, SECOND)).unwrap();
    let mut decoded = heard(&queue.take().unwrap(), "é");
    let said = said_last(&"x".repeat(3000), &decoded);
    assert!(said.len() <= MOST_SAID_BYTES && said.ends_with("x é"));
    decoded.fell_back = true;
    assert_eq!(said_last("before", &decoded), "");
}

#[tokio::test]
async fn audio_that_can_not_be_decoded_to_its_end_is_an_error() {
    let queue = Queue::new(1);
    let (mut ticket, mut feeder) = queue.open(flow("a"), wanted());
    feeder.push(chunk(0, SECOND)).unwrap();
    drop(feeder);
    let failed = ticket.part().await;
    assert!(matches!(failed, Some(Err(Failed::Audio(_)))), "{failed:?}");
}

#[test]
fn a_closed_queue_serves_what_waits_and_refuses_the_rest() {
    let queue = Queue::new(1);
    let (_ticket, mut feeder) = queue.open(flow("a"), wanted());
    feeder.push(chunk(0, SECOND)).unwrap();
    queue.close();
    assert_eq!(feeder.push(chunk(0, SECOND)), Err(Gone));
    hears(queue.take().unwrap(), &queue, "word");
    assert!(queue.take().is_none());
}

/// A queue that hears of the loads of a shelf's models.
fn with_loads(shelf: &Shelf) -> (Arc<Queue>, Loader) {
    let queue = Queue::new(1);
    let woken = Arc::clone(&queue);
    let metrics = Arc::new(Metrics::new().unwrap());
    let wake = Box::new(move || woken.models_changed());
    let library = Box::new(shelf.clone());
    let loader = Loader::start(library, cpu(1), Bounds::default(), metrics, wake);
    (queue, loader.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_its_model_and_keeps_no_session_from_others() {
    let shelf = Shelf::with(&["ready", "slow"]);
    let (queue, loader) = with_loads(&shelf);
    let ready = loader.request("ready", false);
    loader.wait(&ready).unwrap();
    shelf.hold_back();
    let slow = wanted_of(loader.request("slow", false));
    let (mut ticket, mut feeder) = queue.open(flow("a"), slow);
    let decoder = thread::spawn(move || {
        feeder.push(chunk(0, SECOND)).unwrap();
        feeder.finish(Ok(all_of_it(Duration::from_secs(1))));
    });
    let (mut other, mut of_other) = queue.open(flow("b"), wanted_of(ready));
    of_other.push(chunk(7, SECOND)).unwrap();
    let task = queue.take().unwrap();
    assert_eq!(task.piece.start, 7, "the one whose model is there");
    hears(task, &queue, "ready");
    assert!(other.part().await.unwrap().is_ok());
    shelf.let_go();
    hears(queue.take().unwrap(), &queue, "slow");
    assert!(ticket.part().await.unwrap().is_ok());
    decoder.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_can_not_be_loaded_is_what_its_request_hears() {
    let shelf = Shelf::default();
    shelf.put_failing("bad", 0);
    let (queue, loader) = with_loads(&shelf);
    let bad = wanted_of(loader.request("bad", false));
    let (mut ticket, mut feeder) = queue.open(flow("a"), bad);
    let decoder = thread::spawn(move || {
        assert_eq!(feeder.push(chunk(0, SECOND)), Err(Gone));
        feeder.finish(Err(AudioError::Cancelled));
    });
    let failed = ticket.part().await;
    assert!(matches!(failed, Some(Err(Failed::Model(_)))), "{failed:?}");
    decoder.join().unwrap();
    assert_eq!(queue.load().waiting, 0);
}

#[test]
fn a_caller_who_has_gone_does_not_wait_for_a_model() {
    let shelf = Shelf::with(&["slow"]);
    let (queue, loader) = with_loads(&shelf);
    shelf.hold_back();
    let slow = wanted_of(loader.request("slow", false));
    let (ticket, mut feeder) = queue.open(flow("a"), slow);
    let decoder = thread::spawn(move || feeder.push(chunk(0, SECOND)));
    drop(ticket);
    assert_eq!(decoder.join().unwrap(), Err(Gone));
    shelf.let_go();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_heard_all_of_his_audio_holds_no_model() {
    let shelf = Shelf::with(&["a", "b"]);
    let metrics = Arc::new(Metrics::new().unwrap());
    let one = Bounds {
        bytes: Some(10),
        idle_ms: None,
    };
    let queue = Queue::new(1);
    let woken = Arc::clone(&queue);
    let wake = Box::new(move || woken.models_changed());
    let library = Box::new(shelf.clone());
    let loader = Loader::start(library, cpu(1), one, metrics, wake).unwrap();
    for turn in 0..200 {
        let model = ["a", "b"][turn % 2];
        let held = wanted_of(loader.request(model, false));
        let (mut ticket, mut feeder) = queue.open(flow("a"), held);
        let decoder = thread::spawn(move || {
            feeder.push(chunk(0, SECOND)).ok();
            feeder.finish(Ok(all_of_it(Duration::from_secs(1))));
        });
        let session = thread::spawn({
            let queue = Arc::clone(&queue);
            move || hears(queue.take().unwrap(), &queue, "word")
        });
        while let Some(part) = ticket.part().await {
            part.unwrap();
        }
        // The next has no room while this one is held.
        drop((decoder, session));
    }
    assert_eq!(shelf.loads().len(), 200);
}
