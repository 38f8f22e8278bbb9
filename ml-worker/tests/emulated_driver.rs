//! The worker itself on a CUDA device that fails, with the emulation where NVIDIA's driver would be.

use std::{
    io::{self, Write},
    process::Command,
};

#[path = "../src/backend/cuda/emulation/library.rs"]
mod library;

#[test]
fn a_measurement_on_a_device_that_is_lost_ends_in_one_line() {
    let driver = match library::driver() {
        Ok(driver) => driver,
        Err(why) => {
            let _ = writeln!(io::stderr(), "skipped: the driver is not emulated: {why}");
            return;
        }
    };
    // Each device opened launches one kernel: one for the heading, and one before the first product, which is the third launch.
    let done = Command::new(env!("CARGO_BIN_EXE_quern-worker"))
        .args(["bench", "--device", "cuda:0", "--seconds", "0"])
        .env("LD_LIBRARY_PATH", &driver.folder)
        .env("QUERN_KERNELS", &driver.kernels)
        .env("QUERN_EMULATION_LAUNCHES", "3")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let complained = String::from_utf8_lossy(&done.stderr);
    assert!(
        said.starts_with("emulated driver (cuda:0); CPU: "),
        "{said}{complained}"
    );
    assert!(!done.status.success());
    assert_eq!(
        complained.lines().last(),
        Some(
            "quern-worker: the CUDA device was lost: unspecified launch failure (CUDA_ERROR_LAUNCH_FAILED)"
        )
    );
}
