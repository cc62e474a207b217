//! A strategy and the upstreams among which it chooses.

use serde::Deserialize;
use sluicegate_plugin::{Schema, identity, log, random, request, targets};

use crate::order::{Order, Random, Seat, hash, mixed};

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

pub struct Target {
    pub name: String,
    /// Of the name.
    pub hash: u64,
    pub weight: u32,
}

/// What keeps a caller at one upstream.
pub enum By {
    Identity(&'static str),
    /// The first value of a field, by its name in lower case.
    Header(String),
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
        let by_name = !self.targets.is_empty() || self.strategy == Strategy::Sticky;
        let names = if by_name { targets::names() } else { Vec::new() };
        let name = |number: u32| names.get(number as usize).map_or("", String::as_str);
        let mut order = Order::default();
        for (place, target) in plan.iter().copied().enumerate() {
            let named = || self.targets.iter().position(|named| named.name == name(target));
            let seat = match self.targets.is_empty() {
                // The hash of the name, for `sticky`.
                true => Seat { target, place, key: hash(name(target).as_bytes()), rests: false },
                false => match named() {
                    Some(place) => Seat { target, place, key: self.targets[place].hash, rests: false },
                    None => continue,
                },
            };
            order.push(seat);
        }
        order
    }

    /// The keys of the seats are hashes of names before.
    fn sort(&self, order: &mut Order) {
        let rests = targets::figures("rests-ms");
        for seat in order.seats_mut() {
            seat.rests = of(&rests, seat) > 0;
        }
        match self.strategy {
            Strategy::Priority => order.seats_mut().iter_mut().for_each(|seat| seat.key = 0),
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
            Strategy::Sticky => match self.by.as_ref().and_then(By::read) {
                // Rendezvous hashing: each upstream has a score of its own for this value, so that the loss of one changes nothing
                // about the order of the others.
                Some(value) => {
                    let value = hash(&value);
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

impl By {
    fn read(&self) -> Option<Vec<u8>> {
        match self {
            By::Identity(part) => identity::get(part).map(String::into_bytes),
            By::Header(name) => request::header(name),
        }
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
