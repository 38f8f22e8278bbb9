//! The kernels' sources.

macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../kernels/", $name)))),*]
    };
}

/// The files of `kernels/` and their names, in the names' order.
const FILES: [(&str, &str); 11] = files!(
    "blake3.cuh" "control.cuh" "device.cuh" "dots.cuh" "epilogue.cuh" "integers.cuh" "lottery.cu" "products.cu" "quern.cu"
    "step.cu" "tensor.cuh"
);

/// All of them as one, which includes nothing.
pub(crate) fn whole() -> String {
    let mut whole = String::new();
    append("quern.cu", &mut Vec::new(), &mut whole);
    whole
}

/// Appends a file that is not among those `seen`, after those that it includes.
fn append<'a>(name: &'a str, seen: &mut Vec<&'a str>, whole: &mut String) {
    if seen.contains(&name) {
        return;
    }
    seen.push(name);
    let text = FILES.iter().find(|file| file.0 == name);
    for line in text.map_or("", |file| file.1).lines() {
        if let Some(included) = line.strip_prefix("#include \"") {
            append(included.trim_end_matches('"'), seen, whole);
        } else if line != "#pragma once" {
            *whole += line;
            *whole += "\n";
        }
    }
}

/// What compiled kernels say that they are made of: the CRC-32 of all files one after the other.
pub(crate) fn digest() -> u32 {
    let mut crc = flate2::Crc::new();
    for (_, text) in FILES {
        crc.update(text.as_bytes());
    }
    crc.sum()
}
