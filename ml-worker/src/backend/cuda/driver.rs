//! A CUDA device behind its driver.

use std::{
    collections::HashMap,
    ffi::{CString, c_void},
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use cudarc::driver::{
    result::{self, DriverError},
    sys::{
        self, CUdevice_attribute as Attribute, CUfunction_attribute as FunctionAttribute, CUresult,
    },
};

use super::{
    Accelerator,
    compiler::{self, Target},
    source,
};
use crate::backend::DeviceError;

/// Dynamic shared memory that a block has without being asked for.
const SHARED: u32 = 48 << 10;

/// A CUDA device with its kernels.
pub(crate) struct Driver {
    name: String,
    /// The device's primary context. It is kept as long as the process runs: cuBLASLt holds on to it as well.
    context: sys::CUcontext,
    module: sys::CUmodule,
    tensor_cores: bool,
    stages: u32,
    functions: Mutex<HashMap<String, Function>>,
}

/// A kernel, and the most dynamic shared memory that was asked for it.
#[derive(Clone, Copy)]
struct Function {
    handle: sys::CUfunction,
    shared: u32,
}

// SAFETY: the driver's handles may be used from any thread; every call makes the context current on its own thread first.
unsafe impl Send for Driver {}
// SAFETY: as above.
unsafe impl Sync for Driver {}

impl Driver {
    /// The CUDA device of this number, with kernels compiled for it.
    pub(crate) fn open(number: u32) -> Result<Arc<dyn Accelerator>, DeviceError> {
        // SAFETY: loads the library as any later call would. Calls without it panic, so that nothing is called before.
        if !unsafe { sys::is_culib_present() } {
            return Err(DeviceError::NoDriver);
        }
        result::init().map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_NO_DEVICE => DeviceError::NoDevice(number),
            _ => refused(error),
        })?;
        let count = result::device::get_count().map_err(refused)?;
        let ordinal = i32::try_from(number).ok().filter(|n| *n < count);
        let ordinal = ordinal.ok_or(DeviceError::NoDevice(number))?;
        let device = result::device::get(ordinal).map_err(refused)?;
        let name = result::device::get_name(device).map_err(refused)?;
        // SAFETY: the device is one that the driver named.
        let attribute = |attribute| unsafe {
            result::device::get_attribute(device, attribute).map_err(refused)
        };
        let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        if (major, minor) < (6, 1) {
            return Err(DeviceError::TooOld {
                number,
                major,
                minor,
            });
        }
        let shared =
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR)?;
        // A ring of three stages has 96 KiB and a lottery 4 more: two blocks of them where there is room, and else two stages.
        let target = Target {
            capability: (10 * major + minor).unsigned_abs(),
            stages: if shared >= 2 * (102 << 10) { 3 } else { 2 },
        };
        // SAFETY: as above.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(refused)?;
        let mut driver = Self {
            name: format!("{name} (cuda:{number})"),
            context,
            module: std::ptr::null_mut(),
            tensor_cores: major >= 8,
            stages: 0,
            functions: Mutex::default(),
        };
        driver.enter()?;
        driver.module = load(target)?;
        driver.stages = driver.ask_stages()?;
        Ok(Arc::new(driver))
    }

    /// The number of stages that the kernels were compiled with, here or elsewhere, if they are made of this program's sources.
    fn ask_stages(&self) -> Result<u32, DeviceError> {
        let mut words = [0; 8];
        let address = self.allocate(words.len())?;
        // SAFETY: the kernel writes two words.
        let asked = unsafe { self.launch("build", [1, 1], 1, 0, &[address]) };
        let read = asked.and_then(|()| self.read(address, &mut words));
        self.free(address, words.len());
        read?;
        let words = u64::from_le_bytes(words);
        if (words >> 32) as u32 != source::digest() {
            return Err(compiler::foreign());
        }
        Ok(words as u32)
    }

    /// Makes the device's context this thread's.
    fn enter(&self) -> Result<(), DeviceError> {
        // SAFETY: the context is retained as long as the process runs.
        unsafe { result::ctx::set_current(self.context) }.map_err(refused)
    }

    /// A kernel with this much dynamic shared memory.
    fn function(&self, name: &str, shared: u32) -> Result<sys::CUfunction, DeviceError> {
        let mut functions = self
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = functions.get(name).copied();
        if let Some(function) = known.filter(|function| shared <= function.shared) {
            return Ok(function.handle);
        }
        let full = CString::new(format!("quern_{name}"))
            .map_err(|error| DeviceError::Refused(error.to_string()))?;
        // SAFETY: the module is loaded as long as this lives, and so are its functions.
        let handle = unsafe { result::module::get_function(self.module, full) };
        let handle = handle.map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_NOT_FOUND => compiler::foreign(),
            _ => refused(error),
        })?;
        if shared > SHARED {
            let wanted = [
                (
                    FunctionAttribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                    shared as i32,
                ),
                // In percent of what could be cache as well: room for a second block.
                (
                    FunctionAttribute::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
                    100,
                ),
            ];
            for (attribute, value) in wanted {
                // SAFETY: as above.
                unsafe { result::function::set_function_attribute(handle, attribute, value) }
                    .map_err(refused)?;
            }
        }
        let shared = shared.max(SHARED);
        functions.insert(name.into(), Function { handle, shared });
        Ok(handle)
    }
}

/// Loads the kernels; such as were kept and do not load are compiled anew.
fn load(target: Target) -> Result<sys::CUmodule, DeviceError> {
    let image = compiler::image(target)?;
    // SAFETY: an image is whole machine code, or PTX with a zero at its end.
    let load = |bytes: &[u8]| unsafe { result::module::load_data(bytes.as_ptr().cast()) };
    match (load(&image.bytes), &image.kept) {
        (Ok(module), _) => Ok(module),
        (Err(_), Some(kept)) => {
            // It could be gone by now, which is as good.
            let _ = fs::remove_file(kept);
            load(&compiler::image(target)?.bytes).map_err(refused)
        }
        (Err(error), None) => Err(refused(error)),
    }
}

impl Accelerator for Driver {
    fn name(&self) -> &str {
        &self.name
    }

    fn tensor_cores(&self) -> bool {
        self.tensor_cores
    }

    fn stages(&self) -> u32 {
        self.stages
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        self.enter()?;
        // SAFETY: given back by `free`.
        let address = unsafe { result::malloc_sync(bytes) }.map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => out_of_memory(bytes),
            _ => refused(error),
        })?;
        self.clear(address, bytes)
            .inspect_err(|_| self.free(address, bytes))?;
        Ok(address)
    }

    fn free(&self, address: u64, _bytes: usize) {
        if self.enter().is_ok() {
            // SAFETY: allocated above and freed once. On a lost device nothing can be freed, and nothing needs to be.
            let _ = unsafe { result::free_sync(address) };
        }
    }

    fn clear(&self, address: u64, bytes: usize) -> Result<(), DeviceError> {
        self.enter()?;
        // SAFETY: the memory is the caller's.
        unsafe { result::memset_d8_sync(address, 0, bytes) }.map_err(refused)
    }

    fn write(&self, to: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        self.enter()?;
        // SAFETY: the memory is the caller's.
        unsafe { result::memcpy_htod_sync(to, bytes) }.map_err(refused)
    }

    fn read(&self, from: u64, bytes: &mut [u8]) -> Result<(), DeviceError> {
        self.enter()?;
        // SAFETY: the memory is the caller's.
        unsafe { result::memcpy_dtoh_sync(bytes, from) }.map_err(refused)
    }

    unsafe fn launch(
        &self,
        name: &str,
        grid: [u32; 2],
        threads: u32,
        shared: u32,
        arguments: &[u64],
    ) -> Result<(), DeviceError> {
        self.enter()?;
        let function = self.function(name, shared)?;
        // The driver reads as many bytes of each slot as the parameter has: little-endian integers begin with them.
        let slots = arguments.iter().map(std::ptr::from_ref::<u64>);
        let mut slots: Vec<*mut c_void> = slots.map(|slot| slot.cast_mut().cast()).collect();
        let (grid, block) = ((grid[0], grid[1], 1), (threads, 1, 1));
        let stream = std::ptr::null_mut();
        // SAFETY: the caller's promise.
        unsafe { result::launch_kernel(function, grid, block, shared, stream, &mut slots) }
            .map_err(refused)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.enter().is_ok() && !self.module.is_null() {
            // SAFETY: loaded once, and nothing of it is used any more.
            let _ = unsafe { result::module::unload(self.module) };
        }
    }
}

/// There is no room for so many bytes, in whole MiB.
fn out_of_memory(bytes: usize) -> DeviceError {
    DeviceError::OutOfMemory((bytes.max(1) as u64).next_multiple_of(1 << 20))
}

/// What a refusal means for whoever asked.
fn refused(error: DriverError) -> DeviceError {
    let said = |text: Result<&std::ffi::CStr, DriverError>| {
        text.map_or_else(
            |_| format!("{:?}", error.0),
            |text| text.to_string_lossy().into(),
        )
    };
    let reason = format!(
        "{} ({})",
        said(error.error_string()),
        said(error.error_name())
    );
    match error.0 {
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
        | CUresult::CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE
        | CUresult::CUDA_ERROR_INVALID_IMAGE
        | CUresult::CUDA_ERROR_INVALID_PTX
        | CUresult::CUDA_ERROR_JIT_COMPILER_NOT_FOUND
        | CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION
        | CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU
        | CUresult::CUDA_ERROR_STUB_LIBRARY => DeviceError::Mismatch(reason),
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => out_of_memory(1),
        CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE
        | CUresult::CUDA_ERROR_CONTAINED
        | CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
        | CUresult::CUDA_ERROR_NVLINK_UNCORRECTABLE
        | CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        | CUresult::CUDA_ERROR_LAUNCH_TIMEOUT
        | CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR
        | CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION
        | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS
        | CUresult::CUDA_ERROR_INVALID_ADDRESS_SPACE
        | CUresult::CUDA_ERROR_INVALID_PC
        | CUresult::CUDA_ERROR_ASSERT
        | CUresult::CUDA_ERROR_LAUNCH_FAILED
        | CUresult::CUDA_ERROR_SYSTEM_NOT_READY
        | CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED
        | CUresult::CUDA_ERROR_EXTERNAL_DEVICE
        | CUresult::CUDA_ERROR_UNKNOWN => DeviceError::Lost(reason),
        _ => DeviceError::Refused(reason),
    }
}
