//! A device made of the kernels' own sources, compiled for this host by its C++ compiler.

pub(crate) mod library;

use std::{
    ffi::{CString, c_char, c_int, c_void},
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use libloading::Library;

use super::Accelerator;
use crate::backend::DeviceError;

type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Launch = unsafe extern "C" fn(*const c_char, *const u32, u32, u32, *mut u64, usize) -> c_int;

type Stages = unsafe extern "C" fn() -> u32;

/// The library. It does one thing at a time, whoever asks.
struct Emulator {
    allocate: Allocate,
    free: Free,
    launch: Launch,
    stages: u32,
    // Its functions are gone with it.
    _library: Library,
}

/// An emulated device, with tensor cores or without.
pub(crate) struct Emulated {
    name: String,
    emulator: &'static Emulator,
    tensor_cores: bool,
}

/// Emulated devices of every kind: with tensor cores and rings of three and of two stages, and without; none, and one line that says
/// why, where there is no C++ compiler.
pub(crate) fn devices() -> Vec<Arc<dyn Accelerator>> {
    static EMULATORS: OnceLock<Vec<Emulator>> = OnceLock::new();
    let emulators = EMULATORS.get_or_init(|| match [3, 2].map(build) {
        [Ok(three), Ok(two)] => vec![load(three), load(two)],
        [Err(why), _] | [_, Err(why)] => {
            super::tests::skip(&format!("kernels are not emulated: {why}"));
            Vec::new()
        }
    });
    let with = emulators.iter().map(|emulator| (emulator, true));
    let without = emulators.first().map(|emulator| (emulator, false));
    let emulated = |(emulator, tensor_cores): (&'static Emulator, bool)| {
        Arc::new(Emulated {
            name: if tensor_cores {
                format!("emulated with tensor cores, {} stages", emulator.stages)
            } else {
                "emulated without tensor cores".into()
            },
            emulator,
            tensor_cores,
        }) as Arc<dyn Accelerator>
    };
    with.chain(without).map(emulated).collect()
}

/// The library with rings of so many stages.
fn build(stages: u32) -> Result<PathBuf, String> {
    library::compiled("library.cpp", stages, "libquern-emulation.so")
}

fn load(path: PathBuf) -> Emulator {
    // SAFETY: the library has no initialisers but its own tables', and its functions have these types.
    unsafe {
        let library = Library::new(&path).expect("the library just made");
        let allocate = *library
            .get::<Allocate>(b"emulation_allocate")
            .expect("a function of it");
        let free = *library.get::<Free>(b"emulation_free").expect("another");
        let launch = *library.get::<Launch>(b"emulation_launch").expect("another");
        let stages = library.get::<Stages>(b"emulation_stages").expect("another")();
        Emulator {
            allocate,
            free,
            launch,
            stages,
            _library: library,
        }
    }
}

impl Accelerator for Emulated {
    fn name(&self) -> &str {
        &self.name
    }

    fn tensor_cores(&self) -> bool {
        self.tensor_cores
    }

    fn stages(&self) -> u32 {
        self.emulator.stages
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        // SAFETY: freed below.
        let memory = unsafe { (self.emulator.allocate)(bytes) };
        if memory.is_null() {
            return Err(DeviceError::OutOfMemory(bytes as u64));
        }
        Ok(memory as u64)
    }

    fn free(&self, address: u64, _bytes: usize) {
        // SAFETY: allocated above and freed once.
        unsafe { (self.emulator.free)(address as *mut c_void) };
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<(), DeviceError> {
        // SAFETY: the memory is the caller's.
        unsafe { std::ptr::write_bytes(address as *mut u8, 0, bytes) };
        Ok(())
    }

    fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the memory is the caller's.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        // SAFETY: the memory is the caller's.
        unsafe {
            std::ptr::copy_nonoverlapping(from as *const u8, bytes.as_mut_ptr(), bytes.len());
        }
        Ok(())
    }

    unsafe fn launch(
        &self,
        name: &str,
        grid: [u32; 2],
        threads: u32,
        shared: u32,
        arguments: &[u64],
    ) -> Result<(), DeviceError> {
        let full = CString::new(name).expect("a kernel's name");
        let mut slots = arguments.to_vec();
        // SAFETY: the caller's promise; a wrong number of arguments is refused.
        let known = unsafe {
            let launch = self.emulator.launch;
            launch(
                full.as_ptr(),
                grid.as_ptr(),
                threads,
                shared,
                slots.as_mut_ptr(),
                slots.len(),
            )
        };
        assert_eq!(known, 1, "kernel {name} with {} arguments", slots.len());
        Ok(())
    }
}
