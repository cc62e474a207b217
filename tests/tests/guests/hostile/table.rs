//! Every phase, every failure, both answers to it, before and after the first byte of the answer: what the client sees, what
//! the log says, and that the next request is served. The cells that cannot exist say why, so that none is forgotten.

use serde_json::{Value, json};
use sluicegate_tests::Gateway;

use crate::support::{Ask, Cell as Route, Heard, Origin, WHOLE, gateway, metric};

const PHASES: [&str; 6] = ["head", "body", "route", "reply-head", "reply-body", "finish"];

/// The act, what the metrics call it, and the limits that make it so.
const FAILURES: [Failure; 5] = [
    Failure { name: "trap", act: "trap", kind: "trap", limits: "cpu_max_ms = 10_000, wall_max_ms = 60_000" },
    Failure { name: "loop", act: "loop", kind: "cpu", limits: "cpu_max_ms = 20, wall_max_ms = 60_000" },
    Failure { name: "memory", act: "memory", kind: "memory", limits: "cpu_max_ms = 10_000, wall_max_ms = 60_000" },
    Failure { name: "wall", act: "loop", kind: "wall", limits: "cpu_max_ms = 60_000, wall_max_ms = 150" },
    Failure {
        name: "bad-return",
        act: "bad-return",
        kind: "bad_return",
        limits: "cpu_max_ms = 10_000, wall_max_ms = 60_000",
    },
];

#[derive(Clone, Copy)]
struct Failure {
    name: &'static str,
    act: &'static str,
    kind: &'static str,
    limits: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Moment {
    BeforeFirstByte,
    AfterFirstByte,
}

#[derive(Clone, Copy)]
struct Cell {
    phase: &'static str,
    failure: Failure,
    on_error: &'static str,
    moment: Moment,
}

/// What the client does, and what of the answer is buffered for the plugin.
#[derive(Clone, Copy, PartialEq)]
enum Scene {
    /// Nothing has gone to the client when the plugin fails.
    Whole,
    /// The first piece of the answer has gone out; the second one makes the plugin fail.
    SecondPiece,
    /// The upstream has begun to answer before the request's second piece makes the plugin fail.
    SecondPieceOfRequest,
    /// The client leaves before there is an answer, and the plugin fails in `finish`.
    ClientLeaves,
    /// The whole answer is out when the plugin fails in `finish`.
    AtTheEnd,
}

impl Cell {
    /// All of them, in the order of the table.
    fn all() -> Vec<Cell> {
        let mut cells = Vec::new();
        for phase in PHASES {
            for failure in FAILURES {
                for on_error in ["deny", "allow"] {
                    for moment in [Moment::BeforeFirstByte, Moment::AfterFirstByte] {
                        cells.push(Cell { phase, failure, on_error, moment });
                    }
                }
            }
        }
        cells
    }

    /// The error says why there is no such cell.
    fn scene(&self) -> Result<Scene, &'static str> {
        match (self.phase, self.moment) {
            ("finish", _) if self.failure.name == "bad-return" => Err("`on-finish` returns nothing"),
            ("head" | "route", Moment::AfterFirstByte) => {
                Err("nothing is sent upstream, and so nothing answered, before `head` and `route` are over")
            }
            ("reply-head", Moment::AfterFirstByte) => Err("no byte of the body goes out before `reply-head` is over"),
            ("head" | "body" | "route" | "reply-head" | "reply-body", Moment::BeforeFirstByte) => Ok(Scene::Whole),
            ("body", Moment::AfterFirstByte) => Ok(Scene::SecondPieceOfRequest),
            ("reply-body", Moment::AfterFirstByte) => Ok(Scene::SecondPiece),
            ("finish", Moment::BeforeFirstByte) => Ok(Scene::ClientLeaves),
            ("finish", Moment::AfterFirstByte) => Ok(Scene::AtTheEnd),
            _ => unreachable!("there is no phase {}", self.phase),
        }
    }

    fn name(&self, isolation: &str) -> String {
        let moment = if self.moment == Moment::BeforeFirstByte { "before" } else { "after" };
        format!("{}-{}-{}-{moment}-{isolation}", self.phase, self.failure.name, self.on_error)
    }

    fn entry(&self, isolation: &str, scene: Scene) -> String {
        let mode = if scene == Scene::Whole { "buffered" } else { "stream" };
        let (body, reply_body) = match self.phase {
            "body" => (mode, "none"),
            "reply-body" => ("none", mode),
            _ => ("none", "none"),
        };
        format!(
            "isolation = \"{isolation}\", on_error = \"{on_error}\", limits = {{ {limits} }}, breaker = {{ traps = 10_000 }}, \
             config = {{ body = \"{body}\", reply_body = \"{reply_body}\" }}",
            on_error = self.on_error,
            limits = self.failure.limits,
        )
    }
}

#[test]
fn no_cell_is_missing() {
    let cells = Cell::all();
    assert_eq!(cells.len(), PHASES.len() * FAILURES.len() * 2 * 2);
    let impossible: Vec<_> = cells.iter().filter_map(|cell| cell.scene().err()).collect();
    assert_eq!(impossible.len(), 34, "{impossible:#?}");
    assert_eq!(cells.len() - impossible.len(), 86);
}

#[tokio::test]
async fn every_failure_hurts_its_own_request_alone_in_fresh_instances() {
    run("request").await;
}

#[tokio::test]
async fn every_failure_hurts_its_own_request_alone_in_warm_instances() {
    run("pooled").await;
}

async fn run(isolation: &str) {
    let origin = Origin::start().await;
    let cells: Vec<(Cell, Scene, String)> = Cell::all()
        .into_iter()
        .filter_map(|cell| cell.scene().ok().map(|scene| (cell, scene, cell.name(isolation))))
        .collect();
    let entries: Vec<String> = cells.iter().map(|(cell, scene, _)| cell.entry(isolation, *scene)).collect();
    let routes: Vec<_> = cells.iter().zip(&entries).map(|((_, _, name), entry)| Route { name, entry }).collect();
    let gateway = gateway(&origin, "", &routes);
    let mut wrong = Vec::new();
    for (index, (cell, scene, name)) in cells.iter().enumerate() {
        let heard = fail(&gateway, &origin, cell, *scene, name).await;
        // `finish` may still run when the answer is out: the line says that it is over.
        let line = line_of(&gateway.wait_for_log(2 * index + 1), &format!("{name}.fails"));
        let next =
            Ask::to(&format!("/{name}")).field("x-request-id", format!("{name}.next")).send(gateway.address()).await;
        let next_line = line_of(&gateway.wait_for_log(2 * index + 2), &format!("{name}.next"));
        let series = format!(
            "sluicegate_policy_traps_total{{entry=\"{name}\",version=\"stable\",kind=\"{}\"}}",
            cell.failure.kind
        );
        let counted = metric(&gateway, &series).await;
        let differences: Vec<String> = [
            expected_answer(cell, *scene, heard.as_ref()),
            expected_line(cell, *scene, name, &line),
            (next.status != 200 || next.text() != WHOLE || !next.complete).then(|| format!("the next one: {next:?}")),
            (next_line["outcome"] != "complete" || next_line["bypasses"] != json!({})).then(|| format!("{next_line}")),
            (counted != 1.0).then(|| format!("{series} is {counted}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !differences.is_empty() {
            wrong.push(format!("{name}:\n  {}", differences.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
    assert_eq!(gateway.log().len(), 2 * cells.len(), "one line a request");
}

fn line_of(log: &[Value], id: &str) -> Value {
    let mut lines = log.iter().filter(|line| line["request_id"] == id);
    let line = lines.next().unwrap_or_else(|| panic!("no line of {id}")).clone();
    assert!(lines.next().is_none(), "two lines of {id}");
    line
}

/// None when the client has left.
async fn fail(gateway: &Gateway, origin: &Origin, cell: &Cell, scene: Scene, name: &str) -> Option<Heard> {
    let ask = Ask::to(&format!("/{name}"))
        .field("x-request-id", format!("{name}.fails"))
        .field("x-do", format!("{}={}", cell.phase, cell.failure.act));
    let address = gateway.address();
    match scene {
        Scene::Whole | Scene::AtTheEnd => Some(ask.body("the request !").send(address).await),
        Scene::SecondPiece => {
            let mut talk = ask.field("x-origin", "pieces").field("content-length", "0").open(address).await;
            talk.hear("first\n").await;
            origin.go_on();
            Some(talk.hear_out().await)
        }
        Scene::SecondPieceOfRequest => {
            let mut talk = ask.field("x-origin", "early").field("transfer-encoding", "chunked").open(address).await;
            talk.say_chunk(b"piece").await;
            talk.hear("first\n").await;
            talk.say_chunk(b"!").await;
            talk.say(b"0\r\n\r\n").await;
            Some(talk.hear_out().await)
        }
        Scene::ClientLeaves => {
            // Those before it are not waited for.
            while origin.try_arrived() {}
            let talk = ask.field("x-origin", "silent").field("content-length", "0").open(address).await;
            origin.has_arrived().await;
            drop(talk);
            None
        }
    }
}

/// What is wrong with the answer.
fn expected_answer(cell: &Cell, scene: Scene, heard: Option<&Heard>) -> Option<String> {
    let heard = heard?;
    let good = match (scene, cell.on_error) {
        (Scene::AtTheEnd, _) | (_, "allow") => heard.status == 200 && heard.text() == WHOLE && heard.complete,
        (Scene::Whole, _) => {
            heard.status == 500
                && heard.complete
                && heard.field("x-sluicegate-code") == Some(b"policy_failed")
                && heard.json()["error"]["type"] == "server_error"
                && heard.json()["error"]["code"] == "policy_failed"
        }
        // What has gone out cannot be taken back: the answer is cut, so that nobody takes it for whole.
        _ => heard.status == 200 && heard.text() == "first\n" && !heard.complete,
    };
    (!good).then(|| format!("the client saw {} {:?}, complete: {}", heard.status, heard.text(), heard.complete))
}

/// What is wrong with the log's line.
fn expected_line(cell: &Cell, scene: Scene, name: &str, line: &Value) -> Option<String> {
    let allowed = cell.on_error == "allow";
    let (outcome, fault, code) = match scene {
        Scene::ClientLeaves => ("client_gone", json!("client"), Value::Null),
        Scene::AtTheEnd => ("complete", Value::Null, Value::Null),
        _ if allowed => ("complete", Value::Null, Value::Null),
        _ => ("failed", json!("policy"), json!("policy_failed")),
    };
    let bypasses = if allowed { json!({ name: 1 }) } else { json!({}) };
    let status = match scene {
        Scene::ClientLeaves => Value::Null,
        Scene::Whole if !allowed => json!(500),
        _ => json!(200),
    };
    let decided_by = if code == "policy_failed" { json!(name) } else { Value::Null };
    let saw = match (scene, cell.phase, cell.on_error) {
        (Scene::ClientLeaves, ..) => "head route finish",
        // The witness stands in front: what is refused in `head` or while the body is buffered goes nowhere.
        (Scene::Whole, "head" | "body", "deny") => "head reply-head finish",
        _ => "head route reply-head finish",
    };
    let wanted = json!({
        "route": name, "status": status, "outcome": outcome, "fault": fault, "code": code, "bypasses": bypasses,
        "decided_by": decided_by,
        // The neighbour's phases ran, once each, and its `finish` knows the outcome.
        "labels": { "saw": saw, "outcome": outcome },
    });
    let found: Value =
        wanted.as_object().into_iter().flatten().map(|(member, _)| (member.clone(), line[member].clone())).collect();
    (found != wanted).then(|| format!("the log says {found}\n  instead of   {wanted}"))
}
