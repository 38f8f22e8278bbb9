//! The device that trains, and what can be wrong with it.

use std::{fmt, str::FromStr};

/// Where to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// On the first CUDA device if there is one that can be used, and else on the CPU.
    #[default]
    Auto,
    /// On the CPU.
    Cpu,
    /// On the CUDA device of this number, and nowhere else.
    Cuda(u32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(number) => f.pad(&format!("cuda:{number}")),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let cuda = |name: &str| name.strip_prefix("cuda:")?.parse().ok();
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => cuda(name)
                .map(Self::Cuda)
                .ok_or_else(|| format!("no device {name:?}: auto, cpu or cuda:N")),
        }
    }
}

/// Why a CUDA device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The machine has no driver of NVIDIA's: install one, or train on the CPU.
    #[error("there is no CUDA driver on this machine")]
    NoDriver,
    /// The driver knows no device of this number: `nvidia-smi -L` lists those there are.
    #[error("there is no CUDA device {0}")]
    NoDevice(u32),
    /// The device lacks the instructions that the kernels are made of.
    #[error("CUDA device {number} has compute capability {major}.{minor}, but 6.1 is needed")]
    TooOld {
        /// The device.
        number: u32,
        /// Its compute capability.
        major: i32,
        /// Its second digit.
        minor: i32,
    },
    /// Driver, libraries and kernels are of versions that do not go together: update the driver, and restart the machine after
    /// that.
    #[error(
        "the CUDA driver does not go together with its libraries ({0}): update it, and restart the machine after an update"
    )]
    Mismatch(String),
    /// Kernels are compiled on the machine, and the compiler's library is missing: install NVRTC, which comes with CUDA's toolkit.
    #[error(
        "there is no NVRTC library (libnvrtc.so) to compile the kernels with: install that of CUDA's toolkit"
    )]
    NoCompiler,
    /// The compiler refuses the kernels, whose sources are this program's own: NVRTC is too old, or does not know the device.
    #[error("NVRTC cannot compile the kernels: {0}")]
    Compiler(String),
    /// The file of kernels that the environment names is no such file, or one of another program: make it anew.
    #[error("the kernels cannot be loaded: {0}")]
    Kernels(String),
    /// The network does not fit the device's memory beside what is there: end other programs, or train on the CPU.
    #[error("the CUDA device has no {} MiB of memory left", .0 >> 20)]
    OutOfMemory(u64),
    /// The device stopped: it was reset, unplugged, or failed. Nothing on it can be used by this process any more: restart it.
    #[error("the CUDA device was lost: {0}")]
    Lost(String),
    /// The driver refuses a call for another reason.
    #[error("the CUDA driver refused: {0}")]
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_they_are_shown() {
        for device in [Device::Auto, Device::Cpu, Device::Cuda(0), Device::Cuda(7)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            assert!(name.parse::<Device>().is_err(), "{name}");
        }
    }
}
