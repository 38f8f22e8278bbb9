//! The binaries under test, and running one to its end.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use crate::wait::PATIENCE;

/// The path of a binary, which lies one folder above the test's own executable.
///
/// # Panics
/// If it has not been built.
pub fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let binary = folder.join(name);
    assert!(
        binary.is_file(),
        "no {}; build the binaries first: cargo build --release --workspace",
        binary.display()
    );
    binary
}

/// A command that runs a binary, with no input and its own log level.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(path(name));
    command
        .stdin(Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE");
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether its exit status was zero.
    pub success: bool,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

/// Runs a binary to its end.
///
/// # Panics
/// If it does not end within [`PATIENCE`].
pub fn run(name: &str, arguments: &[&str]) -> Ended {
    let child = command(name)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let begun = Instant::now();
    let id = child.id();
    let output = thread::scope(|scope| {
        let (sender, ended) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            // Ends at once when the command has ended and the sender is gone.
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if ended.recv_timeout(left) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                crate::process::signal(id, "KILL");
            }
        });
        let output = child.wait_with_output().expect("its output");
        drop(sender);
        output
    });
    assert!(
        begun.elapsed() < PATIENCE,
        "{name} {arguments:?} did not end: {output:?}"
    );
    Ended {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
