use super::*;
use crate::backend::Backend;
use crate::device::Gpu;
use crate::models::testing::{Shelf, cpu, loader};
use crate::telemetry::Gauged;
use std::thread;

/// Most bytes, without a bound of time.
fn bytes(most: u64) -> Bounds {
    Bounds {
        bytes: Some(most),
        idle_ms: None,
    }
}

/// Waits until a model is loaded or not, and keeps it.
fn get(loader: &Loader, model: &str) -> Result<Use, Unavailable> {
    let held = loader.request(model, false);
    loader.wait(&held).map(|()| held)
}

fn counted(metrics: &Metrics, line: &str) -> bool {
    let text = metrics.render(Gauged::default()).unwrap();
    text.lines().any(|l| l == format!("inference_{line}"))
}

/// Asks until the model is in memory no more.
fn until_gone(loader: &Loader, model: &str) {
    let began = Instant::now();
    while loader.loaded().iter().any(|m| m == model) {
        assert!(began.elapsed() < Duration::from_secs(30), "{model} stays");
        thread::yield_now();
    }
}

#[test]
fn however_many_ask_at_once_it_is_loaded_once() {
    let shelf = Shelf::with(&["a"]);
    let (loader, metrics) = loader(&shelf, cpu(2), Bounds::default());
    shelf.hold_back();
    thread::scope(|scope| {
        let asking = (0..32).map(|_| scope.spawn(|| get(&loader, "a").is_ok()));
        let asking: Vec<_> = asking.collect();
        // Nobody has it before it is there.
        assert!(loader.loaded().is_empty());
        shelf.let_go();
        assert!(asking.into_iter().all(|thread| thread.join().unwrap()));
    });
    assert_eq!(shelf.loads(), ["a"]);
    assert_eq!(loader.loaded(), ["a"]);
    assert!(counted(&metrics, r#"model_loads_total{outcome="ok"} 1"#));
}

#[test]
fn for_another_the_least_recently_used_goes_and_never_one_in_use() {
    let shelf = Shelf::with(&["a", "b", "c"]);
    let (loader, metrics) = loader(&shelf, cpu(1), bytes(25));
    drop(get(&loader, "a").unwrap());
    let b = get(&loader, "b").unwrap();
    let c = get(&loader, "c").unwrap();
    assert_eq!(loader.loaded(), ["b", "c"]);
    assert!(counted(
        &metrics,
        r#"model_unloads_total{reason="evicted"} 1"#
    ));
    let refused = get(&loader, "a").err().unwrap();
    assert!(refused.cause.contains("bytes"), "{refused}");
    assert!(counted(
        &metrics,
        r#"model_loads_total{outcome="refused"} 1"#
    ));
    drop(c);
    assert!(get(&loader, "a").is_ok());
    assert_eq!(loader.loaded(), ["a", "b"]);
    drop(b);
}

#[test]
fn what_nobody_uses_goes_and_comes_back() {
    let shelf = Shelf::with(&["kept", "a"]);
    let bounds = Bounds {
        bytes: None,
        idle_ms: Some(20),
    };
    let (loader, metrics) = loader(&shelf, cpu(1), bounds);
    let kept = loader.request("kept", true);
    loader.wait(&kept).unwrap();
    drop(kept);
    drop(get(&loader, "a").unwrap());
    until_gone(&loader, "a");
    assert!(counted(&metrics, r#"model_unloads_total{reason="idle"} 1"#));
    let held = get(&loader, "a").unwrap();
    assert_eq!(loader.loaded(), ["a", "kept"]);
    assert_eq!(shelf.loads(), ["kept", "a", "a"]);
    drop(held);
}

#[test]
fn a_model_that_can_not_be_loaded_is_not_tried_again_until_its_file_is_another() {
    let shelf = Shelf::default();
    shelf.put_failing("a", 1);
    let (loader, metrics) = loader(&shelf, cpu(1), Bounds::default());
    let first = get(&loader, "a").err().unwrap();
    assert!(first.cause.contains("it is broken"), "{first}");
    for _ in 0..3 {
        let again = get(&loader, "a").err().unwrap();
        assert!(again.retry_after > Duration::from_secs(20), "{again:?}");
    }
    assert_eq!(shelf.loads().len(), 1);
    assert!(counted(
        &metrics,
        r#"model_loads_total{outcome="failed"} 1"#
    ));
    shelf.put_failing("a", 2);
    assert!(get(&loader, "a").is_err());
    assert_eq!(shelf.loads().len(), 2);
    shelf.put("a", 10);
    assert!(get(&loader, "a").is_ok());
}

#[test]
fn what_is_no_model_is_never_loaded() {
    let shelf = Shelf::default();
    shelf.put_broken("bad");
    let (loader, _) = loader(&shelf, cpu(1), Bounds::default());
    assert!(get(&loader, "bad").is_err());
    assert!(get(&loader, "missing").is_err());
    assert!(shelf.loads().is_empty());
}

#[test]
fn a_panic_in_a_load_is_a_failed_load() {
    struct Panics(Shelf);
    impl Library for Panics {
        fn names(&self) -> Vec<String> {
            self.0.names()
        }
        fn look(&self, model: &str) -> Result<Looked, String> {
            self.0.look(model)
        }
        fn load(&self, model: &str, on: &Device) -> Result<Arc<dyn Backend>, BackendError> {
            assert_ne!(model, "bad", "in the library");
            self.0.load(model, on)
        }
    }
    let library = Box::new(Panics(Shelf::with(&["bad", "good"])));
    let metrics = Arc::new(Metrics::new().unwrap());
    let wake = Box::new(|| {});
    let loader = Loader::start(library, cpu(1), Bounds::default(), metrics, wake).unwrap();
    assert!(get(&loader, "bad").is_err());
    assert!(get(&loader, "good").is_ok());
}

#[test]
fn each_device_has_its_own_copy_and_each_thread_its_session() {
    let gpu = |number| {
        Device::Gpu(Gpu {
            index: number,
            driver: "CUDA".to_owned(),
            number,
            description: String::new(),
        })
    };
    let shelf = Shelf::with(&["a"]);
    let places = Places {
        devices: vec![gpu(0), gpu(1)],
        threads_each: 2,
    };
    assert_eq!(places.threads(), 4);
    let (loader, _) = loader(&shelf, places, bytes(10));
    let held = get(&loader, "a").unwrap();
    let on = |device: &str| ("a".to_owned(), device.to_owned());
    assert_eq!(shelf.loads_on(), [on("cuda:0"), on("cuda:1")]);
    let model = held.loaded().unwrap().unwrap();
    for thread in 0..4 {
        assert!(model.run(thread, |_| Ok(())).is_ok());
    }
    assert!(model.run(4, |_| Ok(())).is_err());
}

/// Twelve models, of which four have room, asked for by eight callers in any order.
#[test]
fn many_models_under_load_all_serve_and_never_take_more_than_they_may() {
    let models: Vec<String> = (0..12).map(|n| format!("m{n}")).collect();
    let names: Vec<&str> = models.iter().map(String::as_str).collect();
    let shelf = Shelf::with(&names);
    let (loader, _) = loader(&shelf, cpu(1), bytes(40));
    let served = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for caller in 0..8_usize {
            let (loader, models, served) = (&loader, &models, &served);
            scope.spawn(move || {
                let mut seed = caller * 2_654_435_761 + 1;
                for _ in 0..200 {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let model = &models[(seed >> 33) % models.len()];
                    // Refused where all four in memory are in use.
                    if let Ok(held) = get(loader, model) {
                        held.loaded().unwrap().unwrap().run(0, |_| Ok(())).unwrap();
                        served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                    assert!(loader.loaded().len() <= 4);
                }
            });
        }
    });
    assert!(served.into_inner() > 100);
    // Nothing is held any more: each has room for itself.
    for model in &models {
        assert!(get(&loader, model).is_ok());
    }
}
