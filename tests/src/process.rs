//! A process that runs beside the test.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

/// Lines of a process' log that a failing test shows.
const TAIL: usize = 40;

/// In the line that a node logs every five seconds.
const IDLE: &str = "💤";

/// A running binary whose output goes to a file; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. Its output is added to the file `log`.
    pub(crate) fn start(name: &str, mut command: Command, log: PathBuf) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file in a temporary folder");
        let copy = file.try_clone().expect("a second handle of the log file");
        let child = command
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(copy))
            .spawn()
            .expect("the binary starts");
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// Everything logged so far, by this process and by those before it with the same file.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as a terminal does, and waits until it has; gives whether it ended well.
    pub(crate) fn stop(&mut self) -> bool {
        signal(self.child.id(), "TERM");
        self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains(IDLE)).collect();
            eprintln!("---- the last lines of {} ----", self.name);
            for line in &lines[lines.len().saturating_sub(TAIL)..] {
                eprintln!("{line}");
            }
        }
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(id: u32, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -{name} {id}")])
        .stderr(Stdio::null())
        .status();
}
