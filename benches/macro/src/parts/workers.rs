//! What a request costs with one worker and with two: what two share makes the second one dearer.

use anyhow::Result;

use super::Effort;
use crate::ground::Ground;
use crate::load::rate::{self, Rate};
use crate::peer::{Chain, Isolation, PLUGINS, Peer, Running};
use crate::samples::Samples;
use crate::section::{Better, Cell, Goal, Section, Table};

const CHAINS: [Chain; 3] =
    [Chain::new(0, Isolation::Pooled), Chain::new(PLUGINS, Isolation::Pooled), Chain::new(PLUGINS, Isolation::Request)];

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("workers", "Two workers against one");
    section.notes.push(
        "CPU for one request. Where there are two processors in all, the load is on one of those of the two workers, so \
         that requests a second would say nothing."
            .to_owned(),
    );
    let mut table = Table::new(&["chain", "one worker, µs", "two workers, µs", "two by one"]);
    for chain in CHAINS {
        let peer = Peer::Gateway(chain);
        let one = Running::new(peer, ground)?;
        let two = peer.prepare(ground)?.start(&ground.cores.two)?;
        let mut rates: [Vec<Rate>; 2] = Default::default();
        for round in 1..=effort.rounds {
            eprintln!("    {}: round {round} of {}", peer.name(), effort.rounds);
            for (rates, running) in rates.iter_mut().zip([&one, &two]) {
                rates.push(rate::measure(ground, running, &running.question, effort.seconds)?);
            }
        }
        let [one, two] = rates.map(|rates| Samples::of(rates.iter().map(|rate| rate.cpu_microseconds)));
        let ratio = one.as_ref().zip(two.as_ref()).and_then(|(one, two)| two.by(one));
        let figures = [one, two, ratio.clone()].map(Cell::Figure);
        table.rows.push(std::iter::once(Cell::text(peer.name())).chain(figures).collect());
        let what = format!("two workers, CPU a request; {}", peer.name());
        section.goals.push(Goal::of(&what, "of one worker's", ratio, Better::Lower, 1.15, 1.05));
    }
    section.tables.push(table);
    Ok(section)
}
