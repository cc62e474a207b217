//! A strategy and the upstreams among which it chooses.

use serde::Deserialize;
use sluicegate_plugin::{Schema, log, random, targets};

use crate::by::By;
use crate::names::Names;
use crate::order::{Order, Random, Seat, mixed};
use crate::price::Prices;
use crate::target::Target;

/// One request in so many goes by lot under `lowest-latency`.
const TRIAL_EVERY: u64 = 64;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// In the order in which they are named.
    #[default]
    Priority,
    /// By lot, in proportion to `weight`.
    Weighted,
    /// The one that has begun its answers soonest of late; one request in 64 goes by lot.
    LowestLatency,
    /// The one with the fewest exchanges of this gateway under way.
    LeastBusy,
    /// The one at which this call of a model costs least.
    Cheapest,
    /// The same one for the same value of `by`.
    Sticky,
}

pub struct Choice {
    pub strategy: Strategy,
    /// All of the route's if there are none.
    pub targets: Vec<Target>,
    /// For [`Strategy::Sticky`].
    pub by: Option<By>,
}

impl Choice {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| target.name.as_str())
    }

    pub fn needs_identity(&self) -> bool {
        matches!(self.by, Some(By::Identity(_)))
    }

    /// The gateway's own plan has the order of the route.
    pub fn keeps_the_plan(&self) -> bool {
        self.targets.is_empty() && self.strategy == Strategy::Priority
    }

    /// Sets the plan: of what plugins in front have left there, what this choice names, in its order. If that is nothing, the
    /// gateway refuses the request.
    pub fn make(&self) {
        if self.keeps_the_plan() {
            return;
        }
        let plan = targets::plan();
        let mut order = self.seats(&plan);
        if order.seats().is_empty() && !plan.is_empty() {
            log::warn("none of the upstreams that the config names here is left to this request");
        }
        if order.seats().len() > 1 {
            self.sort(&mut order);
        }
        let wanted = order.seats().iter().map(|seat| seat.target);
        if !wanted.clone().eq(plan.iter().copied()) {
            let mut numbers = plan;
            numbers.clear();
            numbers.extend(wanted);
            targets::set_plan(&numbers);
        }
    }

    fn seats(&self, plan: &[u32]) -> Order {
        let is_sticky = self.strategy == Strategy::Sticky;
        let names = match !self.targets.is_empty() || is_sticky {
            true => Names::read(is_sticky, self.targets.iter().any(Target::names_a_model)),
            false => Names::default(),
        };
        let mut order = Order::default();
        for (place, target) in plan.iter().copied().enumerate() {
            let named = || self.targets.iter().position(|named| names.is(target, named));
            let place = if self.targets.is_empty() { Some(place) } else { named() };
            if let Some(place) = place {
                // The hash is for `sticky`.
                let key = if is_sticky { names.hash(target) } else { 0 };
                order.push(Seat { target, place, key, rests: false });
            }
        }
        order
    }

    /// For `sticky` the keys of the seats are hashes of names before.
    fn sort(&self, order: &mut Order) {
        let rests = targets::figures("rests-ms");
        for seat in order.seats_mut() {
            seat.rests = of(&rests, seat) > 0;
        }
        match self.strategy {
            Strategy::Priority => {}
            Strategy::Weighted => self.draw(order, drawn()),
            Strategy::LeastBusy => by_figure(order, "in-flight"),
            Strategy::LowestLatency => {
                // Who was slow once is never asked again, and could never show that it is not, without some that go by lot.
                let lot = drawn();
                match is_trial(lot) {
                    true => self.draw(order, lot),
                    false => by_figure(order, "first-byte-ms"),
                }
            }
            Strategy::Cheapest => {
                let prices = Prices::of_the_call();
                order.seats_mut().iter_mut().for_each(|seat| seat.key = prices.key(seat.target));
            }
            Strategy::Sticky => match self.by.as_ref().and_then(By::read) {
                // Rendezvous hashing: each upstream has a score of its own for this value, so that the loss of one changes nothing
                // about the order of the others.
                Some(value) => {
                    order.seats_mut().iter_mut().for_each(|seat| seat.key = mixed(value ^ mixed(seat.key)));
                }
                // Without a value there is nobody to keep anywhere.
                None => self.draw(order, drawn()),
            },
        }
        order.sort();
    }

    fn draw(&self, order: &mut Order, lot: u64) {
        order.draw(Random::new(lot), |seat| self.targets.get(seat.place).map_or(1, |target| u64::from(target.weight)));
    }
}

/// One of which nothing is known counts as the best: it is worth a try.
fn by_figure(order: &mut Order, name: &str) {
    let figures = targets::figures(name);
    order.seats_mut().iter_mut().for_each(|seat| seat.key = of(&figures, seat));
}

fn of(figures: &[Option<u64>], seat: &Seat) -> u64 {
    figures.get(seat.target as usize).copied().flatten().unwrap_or(0)
}

pub fn is_trial(lot: u64) -> bool {
    mixed(lot).is_multiple_of(TRIAL_EVERY)
}

/// From the host and not from the request's id, which a client can choose.
fn drawn() -> u64 {
    let bytes = random::bytes(8);
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
