//! What gateways for language models serve on one processor, and what they add to an answer: in one piece, and streamed.

use anyhow::{Result, ensure};

use super::Effort;
use crate::chat::Chat;
use crate::ground::Ground;
use crate::load::rate::{self, Rate};
use crate::load::steady::{self, Latency, Until};
use crate::peer::{Chain, Isolation, Peer, Running};
use crate::rounds::{Field, Measured};
use crate::samples::Samples;
use crate::section::{Better, Bound, Cell, Goal, Section, Table};

/// Key, limit, headers, router.
const PLUGINS: usize = 4;
/// Requests a second whose latency is looked at: a fraction of what the slowest serves.
const RATE: u32 = 5;
/// So many times as long as elsewhere is a flood, ...
const FLOOD: u32 = 5;
/// ... because a slow gateway serves little meanwhile, and what is under way at its end is not counted; and so many times a slow rate.
const LATENCY: u32 = 10;

const OURS: Peer = Peer::Gateway(Chain { plugins: PLUGINS, isolation: Isolation::Pooled, models: true });

pub const PEERS: [Peer; 4] = [Peer::Models, OURS, Peer::Litellm, Peer::Portkey];

pub fn measure(ground: &Ground, effort: Effort) -> Result<Section> {
    let mut section = Section::new("gateways", "Gateways for language models");
    section.notes.push(format!(
        "32 connections kept alive; latencies are those of {RATE} requests a second. Where a gateway's processor is not busy, load and \
         provider on the other one were the limit; the ratio of CPU then says what the ratio of answers hides."
    ));
    let mut field = Field::start(ground, &PEERS)?;
    let rates = |field: &mut Field, chat: Chat| {
        field.measure(effort.rounds, |running| {
            rate::measure(ground, running, &running.chat(chat), effort.seconds * FLOOD)
        })
    };
    let latencies = |field: &mut Field, chat: Chat, until: Until| {
        field.measure(effort.rounds, |running| {
            steady::measure(ground, &running.chat(chat), until, RATE, effort.seconds * LATENCY)
        })
    };
    let whole = rates(&mut field, Chat::Whole)?;
    let whole_latency = latencies(&mut field, Chat::Whole, Until::End)?;
    // Who cannot stream is left out from here on.
    field.measure(1, |running| streams(ground, running))?;
    let streamed = rates(&mut field, Chat::Streamed)?;
    let token_latency = latencies(&mut field, Chat::Streamed, Until::Token)?;
    section.notes.append(&mut field.notes);
    section.goals = goals(&whole);
    section.tables = vec![
        rate_table("answers in one piece", &whole),
        latency_table("an answer in one piece", &whole_latency),
        rate_table("streams", &streamed),
        latency_table("the first token of a stream", &token_latency),
    ];
    Ok(section)
}

/// That it sends tokens on as they come, and the end of a stream.
fn streams(ground: &Ground, running: &Running) -> Result<()> {
    let question = running.chat(Chat::Paced);
    let answer = question.ask()?;
    let whole = answer.status == 200 && answer.text.contains("[DONE]");
    ensure!(whole, "it answers a stream with {} and without the end of one", answer.status);
    let [token, end] = [Until::Token, Until::End].map(|until| steady::measure(ground, &question, until, RATE, 1));
    let (token, end) = (token?.p50, end?.p50);
    ensure!(token < end / 2.0, "it holds a stream back: the first token comes after {token:.0} of {end:.0} ms");
    Ok(())
}

fn rate_table(what: &str, measured: &Measured<Rate>) -> Table {
    let mut table = Table::new(&[
        what,
        "a second",
        "Sluicegate's by its own",
        "µs of CPU each",
        "its own by Sluicegate's",
        "processor busy, %",
    ]);
    for peer in PEERS {
        let is_proxy = peer != Peer::Models;
        let of_proxy = |of: fn(&Rate) -> f64| measured.samples(peer, of).filter(|_| is_proxy);
        table.rows.push(vec![
            Cell::text(peer.name()),
            Cell::Figure(measured.samples(peer, rate_of)),
            Cell::Figure(measured.ratio(OURS, peer, rate_of).filter(|_| is_proxy)),
            Cell::Figure(of_proxy(cpu_of)),
            Cell::Figure(measured.ratio(peer, OURS, cpu_of).filter(|_| is_proxy)),
            Cell::Figure(of_proxy(|rate| rate.busy * 100.0)),
        ]);
    }
    table
}

fn latency_table(what: &str, measured: &Measured<Latency>) -> Table {
    let mut table = Table::new(&[what, "p50, ms", "p99, ms", "added, p50, ms", "added, p99, ms"]);
    for peer in PEERS {
        let added = |of: fn(&Latency) -> f64| added(measured, peer, of).filter(|_| peer != Peer::Models);
        table.rows.push(vec![
            Cell::text(peer.name()),
            Cell::Figure(measured.samples(peer, p50)),
            Cell::Figure(measured.samples(peer, p99)),
            Cell::Figure(added(p50)),
            Cell::Figure(added(p99)),
        ]);
    }
    table
}

fn added(measured: &Measured<Latency>, peer: Peer, of: fn(&Latency) -> f64) -> Option<Samples> {
    measured.samples(peer, of)?.minus(&measured.samples(Peer::Models, of)?)
}

fn goals(measured: &Measured<Rate>) -> Vec<Goal> {
    let goal = |peer: Peer, floor: f64, aim: f64| {
        let at_least = |limit: f64| Bound {
            unit: format!("of {}", peer.name()),
            figure: measured.ratio(OURS, peer, rate_of),
            limit,
            better: Better::Higher,
        };
        Goal { what: "chat completions a second".to_owned(), floor: at_least(floor), aim: at_least(aim) }
    };
    vec![goal(Peer::Litellm, 60.0, 150.0), goal(Peer::Portkey, 8.0, 20.0)]
}

fn rate_of(rate: &Rate) -> f64 {
    rate.requests_a_second
}

fn cpu_of(rate: &Rate) -> f64 {
    rate.cpu_microseconds
}

fn p50(latency: &Latency) -> f64 {
    latency.p50
}

fn p99(latency: &Latency) -> f64 {
    latency.p99
}
