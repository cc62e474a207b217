//! A histogram of durations that requests on different cores count without meeting: each lane has its own buckets, and they are
//! added up when somebody asks for the text.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::{MetricType, TypedMetric};
use sluicegate_runtime::lane;

/// Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Durations {
    /// In seconds, ascending.
    bounds: &'static [f64],
    lanes: Arc<[Lane]>,
}

/// Aligned to what one core takes from another at once, with its neighbour.
#[derive(Debug)]
#[repr(align(128))]
struct Lane {
    /// One a bound, and one for what is longer.
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Durations {
    pub(super) fn new(bounds: &'static [f64]) -> Durations {
        let lane =
            |_| Lane { buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum_ns: AtomicU64::new(0) };
        Durations { bounds, lanes: (0..lane::count()).map(lane).collect() }
    }

    pub(super) fn observe(&self, duration: Duration) {
        let Some(lane) = self.lanes.get(lane::current()) else { return };
        let seconds = duration.as_secs_f64();
        let bucket = self.bounds.iter().take_while(|bound| seconds > **bound).count();
        if let Some(bucket) = lane.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        // Wraps after 584 years of requests.
        lane.sum_ns.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let count_of = |bucket: usize| -> u64 {
            self.lanes
                .iter()
                .filter_map(|lane| lane.buckets.get(bucket))
                .map(|count| count.load(Ordering::Relaxed))
                .sum()
        };
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.enumerate().map(|(bucket, bound)| (bound, count_of(bucket))).collect();
        let sum: f64 =
            self.lanes.iter().map(|lane| Duration::from_nanos(lane.sum_ns.load(Ordering::Relaxed)).as_secs_f64()).sum();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let none: Option<&HashMap<usize, Exemplar<Vec<(String, String)>, f64>>> = None;
        encoder.encode_histogram(sum, count, &buckets, none)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}
