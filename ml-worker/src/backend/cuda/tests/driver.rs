//! The driver's calls, made to a library in its place.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
};

use super::{
    super::{
        compiler::{self, KERNELS_FILE},
        emulation::library::{self, EmulatedDriver},
        source,
    },
    skip,
};

const VECTORS: &str = "a_gpu_trains_the_vectors_states_and_draws_the_vectors_draws";

/// The emulated driver; none, and one line that says why, where there is none.
fn driver() -> Option<EmulatedDriver> {
    let driver = library::driver();
    let why = |why: &String| skip(&format!("the driver is not emulated: {why}"));
    driver.inspect_err(why).ok()
}

/// Runs a test that needs a device in a process that finds the emulation where NVIDIA's driver would be, with these kernels.
fn run(driver: &EmulatedDriver, kernels: &Path, test: &str) -> Output {
    Command::new(env::current_exe().expect("this executable"))
        .args(["--exact", &format!("backend::cuda::tests::{test}")])
        .env("LD_LIBRARY_PATH", &driver.folder)
        // A missing device fails, and kernels need no compiler: the library has them.
        .env("QUERN_GPU", "1")
        .env(KERNELS_FILE, kernels)
        .output()
        .expect("a process")
}

#[test]
fn a_device_behind_an_emulated_driver_trains_the_vectors_states() {
    let Some(driver) = driver() else {
        return;
    };
    for test in [VECTORS, "a_gpu_s_seals_pass_the_chain_s_check"] {
        let done = run(&driver, &driver.kernels, test);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let complained = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}{complained}");
        assert!(said.contains("1 passed"), "{said}");
        assert!(!complained.contains("skipped"), "{complained}");
    }
}

#[test]
fn kernels_of_other_sources_are_refused() {
    let Some(driver) = driver() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let kernels = folder.path().join("kernels.ptx");
    let others = library::image(source::digest() ^ 1);
    fs::write(&kernels, others).expect("a file");
    let done = run(&driver, &kernels, VECTORS);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(said.contains(&compiler::foreign().to_string()), "{said}");
}
