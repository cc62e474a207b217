//! How many instances stay warm, for how long, and which go first.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};

use super::*;
use crate::guest::Prepared;
use crate::instance::InstanceContext;
use crate::limits::PluginLimits;
use crate::ticker::Ticker;
use crate::version::Version;

/// Makes instances of a component with nothing in it.
struct Maker {
    prepared: Prepared,
    context: InstanceContext,
}

impl Maker {
    fn new() -> Maker {
        let mut config = Config::new();
        config.epoch_interruption(true).concurrency_support(false);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_binary(&engine, b"\0asm\x0d\0\x01\0").unwrap();
        let context = InstanceContext {
            version: Version::Stable,
            entry: "entry".into(),
            grants: Arc::new(BTreeSet::new()),
            limits: Arc::new(PluginLimits::default()),
            ticker: Arc::new(Ticker::start(engine.weak()).unwrap()),
            symbols: None,
        };
        let pre = Linker::new(&engine).instantiate_pre(&component).unwrap();
        Maker { prepared: Prepared::of_component(pre), context }
    }

    /// `calls`: what tells it from others.
    async fn instance(&self, calls: u64) -> Box<Instance> {
        let mut instance = Box::new(Instance::new(&self.prepared, &self.context, None).await.unwrap());
        instance.calls = calls;
        instance
    }
}

impl Pool {
    fn len(&self) -> usize {
        (0..self.shelves.len()).filter_map(|lane| self.shelf(lane)).map(|warm| warm.len()).sum()
    }
}

#[tokio::test]
async fn the_warmest_is_taken_first_and_the_coldest_given_up_first() {
    let (maker, pool) = (Maker::new(), Pool::with_shelves(1 << 20, 1));
    for calls in 1..=3 {
        pool.put(maker.instance(calls).await);
    }
    assert!(pool.evict_one());
    assert_eq!([pool.take(), pool.take()].map(|taken| taken.unwrap().calls), [3, 2]);
    assert!(pool.take().is_none() && !pool.evict_one());
}

#[tokio::test]
async fn of_all_plugins_the_coldest_instance_is_given_up() {
    let maker = Maker::new();
    let pools = [(); 3].map(|()| Arc::new(Pool::with_shelves(1 << 20, 1)));
    // The one that has most is used most.
    for (calls, pool) in [(1, 1), (2, 0), (3, 2), (4, 2)] {
        pools[pool].put(maker.instance(calls).await);
    }
    let left = || pools.each_ref().map(|pool| pool.len());
    Pool::evict_coldest(pools.clone());
    assert_eq!(left(), [1, 0, 2]);
    Pool::evict_coldest(pools.clone());
    assert_eq!(left(), [0, 0, 2]);
    Pool::evict_coldest(pools.clone());
    assert_eq!((left(), pools[2].take().unwrap().calls), ([0, 0, 1], 4));
    Pool::evict_coldest(pools.clone());
}

#[tokio::test]
async fn no_more_than_64_stay_warm() {
    let (maker, pool) = (Maker::new(), Pool::with_shelves(1 << 20, 1));
    for calls in 0..=WARM_MAX as u64 {
        pool.put(maker.instance(calls).await);
    }
    assert_eq!(pool.len(), WARM_MAX);
}

#[tokio::test]
async fn one_that_has_served_its_calls_is_not_kept() {
    let (maker, pool) = (Maker::new(), Pool::with_shelves(1 << 20, 1));
    pool.put(maker.instance(CALLS_MAX - 1).await);
    pool.put(maker.instance(CALLS_MAX).await);
    assert_eq!(pool.len(), 1);
}

#[tokio::test]
async fn a_sweep_drops_what_was_idle_for_too_long_and_nothing_else() {
    let (maker, pool) = (Maker::new(), Pool::with_shelves(1 << 20, 1));
    pool.put(maker.instance(1).await);
    let used = pool.shelf(0).unwrap()[0].last_used;
    pool.sweep(used + IDLE_MAX - Duration::from_millis(1));
    assert_eq!(pool.len(), 1);
    pool.put(maker.instance(2).await);
    pool.shelf(0).unwrap()[1].last_used = used + Duration::from_secs(10);
    pool.sweep(used + IDLE_MAX);
    assert_eq!(pool.take().map(|kept| kept.calls), Some(2));
    assert_eq!(pool.len(), 0);
}

#[tokio::test]
async fn a_warm_instance_of_another_lane_is_taken_before_a_new_one_is_made() {
    let (maker, pool) = (Maker::new(), Pool::with_shelves(1 << 20, 2));
    for calls in 1..=3 {
        pool.put(maker.instance(calls).await);
    }
    let taken = std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| {
            lane::enter(1);
            let taken = pool.take().map(|instance| instance.calls);
            // What comes back here stays here.
            pool.put(pool.take().unwrap());
            (taken, pool.take().map(|instance| instance.calls))
        });
        elsewhere.join().unwrap()
    });
    // On a machine with one processor there is one lane.
    assert_eq!(taken, (Some(3), Some(2)));
    assert_eq!((pool.take().map(|instance| instance.calls), pool.len()), (Some(1), 0));
}
