//! Metrics of one node in a registry of its own, so that many nodes live in one process.

mod scrape;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use scrape::Scrape;
pub(crate) use scrape::{Queues, Sample};

/// What is counted as it happens, and how it all becomes text. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    sample: Arc<Scrape>,
    requests: Family<RequestLabels, Counter>,
    pub(crate) store: StoreMetrics,
}

/// What the store thread counts.
#[derive(Clone, Debug)]
pub(crate) struct StoreMetrics {
    seconds: Histogram,
    batches: Histogram,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("trellis");
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        let build = prometheus_client::metrics::info::Info::new(build);
        registry.register("build", "Version of the program", build);
        let store = StoreMetrics {
            seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            batches: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
        };
        let help = "Time of one commit to disk";
        registry.register_with_unit("store_commit", help, Unit::Seconds, store.seconds.clone());
        let help = "Batches of the node that went into one commit";
        registry.register("store_commit_batches", help, store.batches.clone());
        let requests = Family::default();
        let help = "Requests at the operator's API";
        registry.register("api_requests", help, requests.clone());
        let sample = Arc::new(Scrape(Mutex::default()));
        registry.register_collector(Box::new(Arc::clone(&sample)));
        Self { registry: Arc::new(registry), sample, requests, store }
    }

    pub(crate) fn requested(&self, method: &str, route: &str, status: u16) {
        let (method, route) = (method.to_owned(), route.to_owned());
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }

    /// Writes everything in the text format, with what is asked for only now.
    pub(crate) fn text(&self, sample: Sample) -> String {
        *self.sample.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            tracing::error!("metrics could not be written");
        }
        text
    }
}

impl StoreMetrics {
    pub(crate) fn committed(&self, took: Duration, batches: usize) {
        self.seconds.observe(took.as_secs_f64());
        self.batches.observe(f64::from(u32::try_from(batches).unwrap_or(u32::MAX)));
    }
}
