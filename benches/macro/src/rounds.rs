//! All proxies of a comparison run side by side and are measured in turn, round by round: what disturbs the machine meets all alike.

use anyhow::Result;

use crate::ground::Ground;
use crate::peer::{Peer, Running};
use crate::samples::Samples;

/// Those of a comparison that run; the others are named in the notes.
pub struct Field {
    running: Vec<Running>,
    pub notes: Vec<String>,
}

/// What each proxy gave, round by round. One that could not be measured has nothing.
pub struct Measured<T> {
    rounds: Vec<(Peer, Vec<T>)>,
}

impl Field {
    /// A peer that does not start is a note; our own is an error.
    pub fn start(ground: &Ground, peers: &[Peer]) -> Result<Field> {
        let mut field = Field { running: Vec::new(), notes: Vec::new() };
        for peer in peers {
            let missing = peer.tools().iter().find_map(|tool| ground.tools.find(*tool).err());
            let started = missing.map_or_else(|| Running::new(*peer, ground), Err);
            match started {
                Ok(running) => field.running.push(running),
                Err(error) if is_ours(*peer) => return Err(error),
                Err(error) => field.leave_out(*peer, &error),
            }
        }
        Ok(field)
    }

    /// A peer that fails while it is measured is left out, with all of its rounds.
    pub fn measure<T>(&mut self, rounds: usize, mut measure: impl FnMut(&Running) -> Result<T>) -> Result<Measured<T>> {
        let mut measured: Vec<(Peer, Vec<T>)> = self.running.iter().map(|running| (running.peer, Vec::new())).collect();
        for round in 1..=rounds {
            eprintln!("    round {round} of {rounds}");
            for (peer, figures) in &mut measured {
                let Some(running) = self.running.iter().find(|running| running.peer == *peer) else { continue };
                match measure(running) {
                    Ok(figure) => figures.push(figure),
                    Err(error) if is_ours(*peer) => return Err(error.context(peer.name())),
                    Err(error) => {
                        self.leave_out(*peer, &error);
                        figures.clear();
                    }
                }
            }
        }
        Ok(Measured { rounds: measured })
    }

    fn leave_out(&mut self, peer: Peer, error: &anyhow::Error) {
        let note = format!("{} is not measured: {error:#}", peer.name());
        eprintln!("    {note}");
        // Docs take it as one line.
        self.notes.push(note.lines().next().unwrap_or_default().to_owned());
        self.running.retain(|running| running.peer != peer);
    }
}

impl<T> Measured<T> {
    /// One number of each round.
    pub fn samples(&self, peer: Peer, of: impl Fn(&T) -> f64) -> Option<Samples> {
        let (_, figures) = self.rounds.iter().find(|(measured, _)| *measured == peer)?;
        Samples::of(figures.iter().map(of))
    }

    /// The number of `ours` by that of `theirs`, within each round.
    pub fn ratio(&self, ours: Peer, theirs: Peer, of: impl Fn(&T) -> f64) -> Option<Samples> {
        self.samples(ours, &of)?.by(&self.samples(theirs, &of)?)
    }
}

fn is_ours(peer: Peer) -> bool {
    matches!(peer, Peer::Gateway(_) | Peer::BareHyper | Peer::Service | Peer::Models)
}
