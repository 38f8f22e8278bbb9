//! What the operating system says of this process.

use std::{fs, time::Duration};

/// Ticks of `/proc/PID/stat` in a second: a constant of Linux's interface, whatever the kernel's own rate.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Process {
    /// Time on processors, of all threads, in user and kernel mode.
    pub cpu: Duration,
    /// Bytes of memory in RAM.
    pub resident: u64,
}

impl Process {
    /// This process, now; none where there is no `/proc`.
    pub fn current() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        Some(Self {
            cpu: cpu(&stat)?,
            resident: resident(&status)?,
        })
    }
}

/// `utime` and `stime` of `/proc/PID/stat`, proc_pid_stat(5). The command's name comes before them, in
/// parentheses, and may hold spaces and parentheses itself.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = user.checked_add(system)?;
    let hundredths = ticks % TICKS_PER_SECOND * (1000 / TICKS_PER_SECOND);
    Some(Duration::from_secs(ticks / TICKS_PER_SECOND) + Duration::from_millis(hundredths))
}

/// `VmRSS` of `/proc/PID/status`, which is in KiB, proc_pid_status(5).
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4321 (a (odd) name) S 1 4321 4321 0 -1 4194560 9 0 0 0 1234 66 0 0 20 0 9 0 \
                        77 1000 50 18446744073709551615";

    #[test]
    fn time_on_processors_is_user_and_system_time() {
        assert_eq!(cpu(STAT), Some(Duration::from_secs(13)));
    }

    #[test]
    fn memory_is_what_lies_in_ram() {
        let status = "Name:\tnode\nVmSize:\t  999999 kB\nVmRSS:\t   2048 kB\nThreads:\t9\n";
        assert_eq!(resident(status), Some(2 << 20));
    }

    #[test]
    fn other_texts_say_nothing() {
        for odd in ["", ")", "1 (x) S 1 2 3", "VmRSS: 5 MB", "VmRSS: -1 kB"] {
            assert_eq!(cpu(odd), None);
            assert_eq!(resident(odd), None);
        }
        let huge = format!("1 (x) S 0 0 0 0 0 0 0 0 0 0 {0} {0}", u64::MAX);
        assert_eq!(cpu(&huge), None);
        assert_eq!(resident(&format!("VmRSS: {} kB", u64::MAX)), None);
    }

    #[test]
    fn this_process_uses_memory() {
        if cfg!(target_os = "linux") {
            assert!(Process::current().unwrap().resident > 0);
        }
    }
}
