//! Devices that are not there, and devices that fail.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{
    super::{Accelerator, emulation},
    initial,
};
use crate::backend::{
    Backend, BackendError, Cpu, Device, DeviceError, Hardware, Isa,
    tests::{lottery, spec, wild_dataset},
};

/// An emulated device that stops after so many launches.
struct Mortal {
    device: Arc<dyn Accelerator>,
    launches: AtomicU32,
}

impl Mortal {
    fn lost() -> DeviceError {
        DeviceError::Lost("it was unplugged".into())
    }

    fn is_alive(&self) -> bool {
        self.launches.load(Ordering::Relaxed) > 0
    }
}

impl Accelerator for Mortal {
    fn name(&self) -> &str {
        self.device.name()
    }

    fn tensor_cores(&self) -> bool {
        self.device.tensor_cores()
    }

    fn stages(&self) -> u32 {
        self.device.stages()
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        if !self.is_alive() {
            return Err(DeviceError::OutOfMemory(bytes as u64));
        }
        self.device.allocate(bytes)
    }

    fn free(&self, address: u64, bytes: usize) {
        self.device.free(address, bytes);
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<(), DeviceError> {
        self.device.clear(address, bytes)
    }

    fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.device.write(to, bytes)
    }

    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        if !self.is_alive() {
            return Err(Self::lost());
        }
        self.device.read(from, bytes)
    }

    unsafe fn launch(
        &self,
        name: &str,
        grid: [u32; 2],
        threads: u32,
        shared: u32,
        arguments: &[u64],
    ) -> Result<(), DeviceError> {
        let left = |left: u32| left.checked_sub(1);
        let counted = self
            .launches
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        if counted.is_err() || !self.is_alive() {
            return Err(Self::lost());
        }
        // SAFETY: the caller's promise.
        unsafe { self.device.launch(name, grid, threads, shared, arguments) }
    }
}

#[test]
fn the_cpu_goes_on_with_the_same_bits_when_a_device_that_nobody_named_is_lost() {
    let Some(device) = emulation::devices().pop() else {
        return;
    };
    let dataset = wild_dataset(64, 70, 3);
    let spec = spec(&dataset, &[16], 16, 3, 0);
    let state = initial(&spec.sizes(), &[1; 32]);
    let mut cpu = Cpu::new(
        &spec,
        [1; 32],
        dataset.clone(),
        state.clone(),
        1,
        Isa::Scalar,
    )
    .expect("a task that fits");
    let lottery = lottery(4, u32::MAX);
    let expected: Vec<_> = (0..6)
        .map(|_| cpu.step(Some(&lottery)).expect("a step").wins)
        .collect();
    for launches in [0, 1, 30, 75, 100] {
        let mortal = |launches: u32| {
            Arc::new(Mortal {
                device: device.clone(),
                launches: AtomicU32::new(launches),
            })
        };
        let hardware = Hardware::with(mortal(launches), true);
        let mut run = hardware
            .begin(&spec, [1; 32], dataset.clone(), state.clone())
            .expect("the CPU if nothing else");
        for (t, expected) in expected.iter().enumerate() {
            assert_eq!(run.step_number(), t as u64);
            let step = run.step(Some(&lottery)).expect("a step");
            assert_eq!(&step.wins, expected, "{launches} launches, step {t}");
        }
        assert_eq!(run.state(), cpu.state(), "{launches} launches");

        let named = Hardware::with(mortal(launches), false);
        let lost = named
            .begin(&spec, [1; 32], dataset.clone(), state.clone())
            .and_then(|mut run| (0..6).try_for_each(|_| run.step(Some(&lottery)).map(drop)));
        assert!(matches!(lost, Err(BackendError::Device(_))), "{lost:?}");
    }
}

#[test]
fn a_machine_without_the_device_that_was_named_says_so_and_one_that_chooses_uses_the_cpu() {
    // No machine has as many.
    let missing = Hardware::open(Device::Cuda(1 << 20), 1, Isa::Scalar).expect_err("no device");
    let known = matches!(missing, DeviceError::NoDriver | DeviceError::NoDevice(_));
    assert!(known, "{missing}");
    assert!(Hardware::open(Device::Auto, 1, Isa::Scalar).is_ok());
    assert!(Hardware::open(Device::Cpu, 1, Isa::Scalar).is_ok());
}
