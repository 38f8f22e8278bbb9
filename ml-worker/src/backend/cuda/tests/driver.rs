//! The driver's calls, made to a library in its place.

use std::{env, process::Command};

use super::{
    super::{compiler::KERNELS_FILE, emulation::library},
    skip,
};

/// Runs tests that need a device in a process that finds the emulation where NVIDIA's driver would be.
#[test]
fn a_device_behind_an_emulated_driver_trains_the_vectors_states() {
    let driver = match library::driver() {
        Ok(driver) => driver,
        Err(why) => return skip(&format!("the driver is not emulated: {why}")),
    };
    let run = |test: &str| {
        Command::new(env::current_exe().expect("this executable"))
            .args(["--exact", &format!("backend::cuda::tests::{test}")])
            .env("LD_LIBRARY_PATH", &driver.folder)
            // A missing device fails, and kernels need no compiler: the library has them.
            .env("QUERN_GPU", "1")
            .env(KERNELS_FILE, &driver.kernels)
            .output()
            .expect("a process")
    };
    for test in [
        "a_gpu_trains_the_vectors_states_and_draws_the_vectors_draws",
        "a_gpu_s_seals_pass_the_chain_s_check",
    ] {
        let done = run(test);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let complained = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}{complained}");
        assert!(said.contains("1 passed"), "{said}");
        assert!(!complained.contains("skipped"), "{complained}");
    }
}
