//! The kernels compiled by NVRTC, which needs no device.

use super::{
    super::{compiler, source},
    skip,
};

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
    for (capability, stages) in [(61, 2), (75, 2), (80, 3), (90, 3)] {
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
    for (capability, stages) in [(61, 2), (90, 3)] {
        let target = compiler::Target { capability, stages };
        let code = compiler::compile(&source, target).expect("machine code");
        assert!(code.starts_with(b"\x7fELF"), "sm_{capability}");
    }
}
