//! Clients and servers in Python: the scripts of `clients/`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::parts::python;

/// A script that serves and prints its port first. Killed when dropped.
pub struct Script(Child);

impl Script {
    /// With its standard output to be read.
    pub fn command(name: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(python());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)).args(arguments);
        command.stdout(Stdio::piped());
        command
    }

    /// With the port that it prints.
    pub fn serving(name: &str, arguments: &[String]) -> (Script, u16) {
        let mut child = Script::command(name, arguments).stderr(Stdio::null()).spawn().expect("Python runs");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut port).expect("it says its port");
        (Script(child), port.trim().parse().expect("a port"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs a client to its end, beside the tasks of the test.
pub async fn output(mut client: Command) -> Output {
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = tokio::task::spawn_blocking(move || client.output().expect("the client can be started"));
    running.await.expect("it ran")
}

/// What it printed; it must have ended well.
pub async fn said(client: Command) -> String {
    let output = output(client).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}\n{complained}", output.status);
    said
}
