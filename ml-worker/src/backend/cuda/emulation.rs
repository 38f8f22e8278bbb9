//! A device made of the kernels' own sources, compiled for this host by its C++ compiler.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use libloading::Library;

use super::Accelerator;
use crate::backend::DeviceError;

type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void, usize);
type Launch = unsafe extern "C" fn(*const c_char, *const u32, u32, u32, *mut u64, usize) -> c_int;

type Stages = unsafe extern "C" fn() -> u32;

/// The library. It runs one kernel at a time, whoever asks.
struct Emulator {
    allocate: Allocate,
    free: Free,
    launch: Launch,
    stages: u32,
    turn: Mutex<()>,
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

/// A folder with the emulation in the place of NVIDIA's driver, `libcuda.so`; none where there is no C++ compiler.
pub(crate) fn driver() -> Option<PathBuf> {
    let library = compiled("driver.cpp", 3, "libcuda.so").ok()?;
    library.parent().map(Path::to_path_buf)
}

/// The library with rings of so many stages.
fn build(stages: u32) -> Result<PathBuf, String> {
    compiled("library.cpp", stages, "libquern-emulation.so")
}

/// Compiles a library into a folder beside the test's executable, once for each state of the sources.
fn compiled(source: &str, stages: u32, name: &str) -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/emulation");
    let read = |file: &str| std::fs::read_to_string(sources.join(file));
    let files = ["device.hpp", "library.cpp", source].map(read);
    let [Ok(device), Ok(library), Ok(source_text)] = files else {
        return Err("their sources are not here".into());
    };
    let text = [super::source::whole(), device, library, source_text].concat();
    let key = blake3::hash(text.as_bytes()).to_hex();
    let wrong = |error: std::io::Error| error.to_string();
    let executable = std::env::current_exe().map_err(wrong)?;
    let folder = executable.parent().unwrap_or(Path::new("."));
    let folder = folder.join(format!("quern-emulation-{}-{stages}", &key[..16]));
    let library = folder.join(name);
    if library.exists() {
        return Ok(library);
    }
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    let part = library.with_extension(format!("part-{}", std::process::id()));
    for compiler in ["c++", "clang++"] {
        let made = Command::new(compiler)
            .args(["-std=c++17", "-O3", "-fPIC", "-shared"])
            .args(["-fwrapv", "-fno-strict-aliasing", "-fvisibility=hidden"])
            .args(["-Wno-unknown-pragmas", &format!("-DSTAGES={stages}"), "-o"])
            .args([&part, &sources.join(source)])
            .output();
        match made {
            Ok(made) if made.status.success() => {
                std::fs::rename(&part, &library).map_err(wrong)?;
                return Ok(library);
            }
            Ok(made) => {
                let said = String::from_utf8_lossy(&made.stderr).into_owned();
                // A compiler that refuses the kernels is a failure, not a reason to skip.
                panic!("{compiler} refuses the kernels: {said}");
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{compiler}: {error}")),
        }
    }
    Err("there is no C++ compiler (c++ or clang++)".into())
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
            turn: Mutex::default(),
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

    fn free(&self, address: u64, bytes: usize) {
        // SAFETY: allocated above and freed once.
        unsafe { (self.emulator.free)(address as *mut c_void, bytes) };
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
        let turn = self.emulator.turn.lock();
        let _turn = turn.unwrap_or_else(PoisonError::into_inner);
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
