//! The kernels compiled by NVRTC, which needs no device.

use super::{
    super::{compiler, source},
    skip,
};
use crate::backend::DeviceError;

/// Whether a line of PTX calculates with floating-point numbers, or moves them.
fn floats(line: &str) -> bool {
    let words = line.split(|c: char| c.is_whitespace() || ".,;".contains(c));
    let types = ["f16", "f16x2", "bf16", "bf16x2", "tf32", "f32", "f64"];
    words.into_iter().any(|word| types.contains(&word))
}

#[test]
fn every_kernel_compiles_for_every_kind_of_device_without_floating_point() {
    assert!(floats("add.rn.f32 %f1, %f2, %f3;") && !floats("add.s32 %r1, %r2, %r3;"));
    if !compiler::is_present() {
        return skip("needs NVRTC to compile the kernels (libnvrtc.so on LD_LIBRARY_PATH)");
    }
    let source = source::whole();
    // Each release of NVRTC forgets old ones.
    let known = compiler::known().expect("a list of devices");
    let targets = [(61, 2), (75, 2), (80, 3), (90, 3)];
    let targets = targets
        .into_iter()
        .filter(|(target, _)| known.contains(target));
    let targets: Vec<(u32, u32)> = targets.collect();
    for &(capability, stages) in &targets {
        let architecture = format!("compute_{capability}");
        let ptx = compiler::build(&source, &architecture, stages, false);
        let ptx = String::from_utf8(ptx.expect("kernels that compile")).expect("text");
        let kernels = ptx.matches(".visible .entry quern_").count();
        // Products on tensor cores come beside the others.
        let tensor = if capability >= 80 { 8 } else { 0 };
        assert_eq!(kernels, 26 + tensor, "kernels for {architecture}");
        let found = ptx.lines().find(|line| floats(line));
        assert_eq!(found, None, "{architecture}");
    }
    // To machine code as well, the oldest and the newest.
    for (capability, stages) in [targets[0], targets[targets.len() - 1]] {
        let target = compiler::Target { capability, stages };
        let code = compiler::compile(&source, target).expect("machine code");
        assert!(code.starts_with(b"\x7fELF"), "sm_{capability}");
    }
    let target = compiler::Target {
        capability: 35,
        stages: 2,
    };
    let refused = compiler::compile(&source, target);
    assert!(
        matches!(refused, Err(DeviceError::Compiler(_))),
        "{refused:?}"
    );
}

#[test]
fn kept_kernels_are_taken_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kernels/kept");
    assert_eq!(compiler::whole(&file), None);
    compiler::keep(&file, b"machine code").expect("a file");
    assert_eq!(
        compiler::whole(&file).as_deref(),
        Some(&b"machine code"[..])
    );
    let all = std::fs::read(&file).expect("the file");
    for end in 0..all.len() {
        std::fs::write(&file, &all[..end]).expect("a part of it");
        assert_eq!(compiler::whole(&file), None, "{end} bytes");
    }
}
