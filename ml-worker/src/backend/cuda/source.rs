//! The kernels' sources.

/// The files of `kernels/`, each after those that it includes.
const FILES: [&str; 10] = [
    include_str!("../../../kernels/integers.cuh"),
    include_str!("../../../kernels/device.cuh"),
    include_str!("../../../kernels/blake3.cuh"),
    include_str!("../../../kernels/control.cuh"),
    include_str!("../../../kernels/epilogue.cuh"),
    include_str!("../../../kernels/dots.cuh"),
    include_str!("../../../kernels/tensor.cuh"),
    include_str!("../../../kernels/products.cu"),
    include_str!("../../../kernels/step.cu"),
    include_str!("../../../kernels/lottery.cu"),
];

/// All of them as one, which includes nothing.
pub(crate) fn whole() -> String {
    let lines = FILES.iter().flat_map(|file| file.lines());
    let own = lines.filter(|line| !line.starts_with("#include \"") && *line != "#pragma once");
    own.flat_map(|line| [line, "\n"]).collect()
}
