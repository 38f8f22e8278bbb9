//! Kernels compiled by NVRTC for one kind of device, and kept on disk.

use std::{
    env,
    ffi::{CStr, CString},
    fs,
    path::{Path, PathBuf},
};

use cudarc::nvrtc::{
    result::{NvrtcError, compile_program, create_program, destroy_program, get_program_log},
    sys,
};

use super::source;
use crate::backend::DeviceError;

/// A file with kernels compiled elsewhere, as by `nvcc`, for machines without NVRTC.
pub(crate) const KERNELS_FILE: &str = "QUERN_KERNELS";

/// The first major version of NVRTC that has all it takes.
const OLDEST: i32 = 12;

/// Bytes of the hash at the end of a file with kept kernels.
const HASH: usize = 32;

/// What the compiled kernels depend on beside their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Compute capability, two digits as in `sm_90`.
    pub(crate) capability: u32,
    /// Tiles of a product's ring in shared memory.
    pub(crate) stages: u32,
}

/// Compiled kernels as the driver takes them: machine code, or PTX with a zero at its end.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    /// Where it is kept.
    pub(crate) kept: Option<PathBuf>,
}

/// Whether NVRTC can be loaded.
pub(crate) fn is_present() -> bool {
    // SAFETY: loads the library as any later call would.
    unsafe { sys::is_culib_present() }
}

/// The kernels for `target`: from the file that the environment names, from the cache, or compiled now.
pub(crate) fn image(target: Target) -> Result<Image, DeviceError> {
    if let Some(file) = env::var_os(KERNELS_FILE).filter(|file| !file.is_empty()) {
        let file = PathBuf::from(file);
        let unread = |error| DeviceError::Kernels(format!("{}: {error}", file.display()));
        let mut bytes = fs::read(&file).map_err(unread)?;
        bytes.push(0);
        return Ok(Image { bytes, kept: None });
    }
    if !is_present() {
        return Err(DeviceError::NoCompiler);
    }
    let (major, minor) = version()?;
    if major < OLDEST {
        return Err(DeviceError::Compiler(format!(
            "its version is {major}.{minor}, but {OLDEST} is needed"
        )));
    }
    let source = source::whole();
    let origin = format!("{source}{} {}", target.stages, source::digest());
    let key = blake3::hash(origin.as_bytes()).to_hex();
    let name = format!(
        "{}-sm_{}-nvrtc-{major}.{minor}",
        &key[..32],
        target.capability
    );
    let kept = folder().map(|folder| folder.join(name));
    if let Some(bytes) = kept.as_deref().and_then(whole) {
        return Ok(Image { bytes, kept });
    }
    tracing::info!("compiling the kernels for sm_{}", target.capability);
    let image = Image {
        bytes: compile(&source, target)?,
        kept,
    };
    if let Some(file) = &image.kept
        && let Err(error) = keep(file, &image.bytes)
    {
        tracing::debug!("the kernels are not kept: {error}");
    }
    Ok(image)
}

/// Why kernels are refused that are not made of this program's sources.
pub(crate) fn foreign() -> DeviceError {
    DeviceError::Kernels(format!(
        "those that {KERNELS_FILE} names are made of other sources than this program's: compile them anew"
    ))
}

/// Where compiled kernels are kept.
fn folder() -> Option<PathBuf> {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty());
    let base = named("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(named("HOME")?).join(".cache")))?;
    Some(base.join("quern/kernels"))
}

/// Writes kernels and their hash to a file.
pub(crate) fn keep(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = file.with_extension(format!("part-{}", std::process::id()));
    fs::write(&part, [bytes, blake3::hash(bytes).as_bytes()].concat())?;
    fs::rename(part, file)
}

/// The kernels that a file keeps, if they are those that were written. The driver would read beyond the end of a part of them.
pub(crate) fn whole(file: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(file).ok()?;
    let hash = bytes.split_off(bytes.len().checked_sub(HASH)?);
    (blake3::hash(&bytes).as_bytes() == &hash[..]).then_some(bytes)
}

fn failed(error: NvrtcError) -> DeviceError {
    DeviceError::Compiler(format!("{error:?}"))
}

fn version() -> Result<(i32, i32), DeviceError> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both places outlive the call.
    unsafe { sys::nvrtcVersion(&mut major, &mut minor) }
        .result()
        .map_err(failed)?;
    Ok((major, minor))
}

/// The kinds of devices that NVRTC knows, by their compute capabilities.
pub(crate) fn known() -> Result<Vec<u32>, DeviceError> {
    let mut count = 0;
    // SAFETY: the place outlives the call.
    unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) }
        .result()
        .map_err(failed)?;
    let mut known = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: there is room for as many as were announced.
    unsafe { sys::nvrtcGetSupportedArchs(known.as_mut_ptr()) }
        .result()
        .map_err(failed)?;
    let known = known.into_iter();
    Ok(known.filter_map(|arch| arch.try_into().ok()).collect())
}

/// Machine code where NVRTC knows the device, and else PTX of the newest kind before it, which the driver compiles.
pub(crate) fn compile(source: &str, target: Target) -> Result<Vec<u8>, DeviceError> {
    let capability = target.capability;
    let known = known()?.into_iter().filter(|known| *known <= capability);
    let newest = known.max().ok_or_else(|| {
        DeviceError::Compiler(format!("it does not know sm_{capability} or older devices"))
    })?;
    let machine_code = newest == capability;
    let kind = if machine_code { "sm" } else { "compute" };
    build(
        source,
        &format!("{kind}_{newest}"),
        target.stages,
        machine_code,
    )
}

/// What a program compiles to, freed at its end.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `create_program` and destroyed once.
        let _ = unsafe { destroy_program(self.0) };
    }
}

/// Compiles for `architecture`, to machine code or to PTX with a zero at its end.
pub(crate) fn build(
    source: &str,
    architecture: &str,
    stages: u32,
    machine_code: bool,
) -> Result<Vec<u8>, DeviceError> {
    let text = CString::new(source).map_err(|error| DeviceError::Compiler(error.to_string()))?;
    let program = Program(create_program(&text, Some(c"quern.cu")).map_err(failed)?);
    let options = [
        format!("--gpu-architecture={architecture}"),
        "--std=c++17".into(),
        format!("-DSTAGES={stages}"),
        format!("-DSOURCES={:#x}", source::digest()),
    ];
    // SAFETY: the program is alive, and so is everywhere below.
    if let Err(error) = unsafe { compile_program(program.0, &options) } {
        let log = unsafe { get_program_log(program.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|c| c as u8).chain([0]).collect();
        let log = CStr::from_bytes_until_nul(&log).unwrap_or_default();
        let log = log.to_string_lossy();
        let first = log.lines().find(|line| line.contains("error"));
        return Err(first.map_or_else(
            || failed(error),
            |line| DeviceError::Compiler(line.to_string()),
        ));
    }
    let mut size = 0;
    let mut bytes;
    if machine_code {
        // SAFETY: there is room for as many bytes as were announced.
        unsafe {
            sys::nvrtcGetCUBINSize(program.0, &mut size)
                .result()
                .map_err(failed)?;
            bytes = vec![0_u8; size];
            sys::nvrtcGetCUBIN(program.0, bytes.as_mut_ptr().cast())
                .result()
                .map_err(failed)?;
        }
    } else {
        // SAFETY: as above.
        unsafe {
            sys::nvrtcGetPTXSize(program.0, &mut size)
                .result()
                .map_err(failed)?;
            bytes = vec![0_u8; size];
            sys::nvrtcGetPTX(program.0, bytes.as_mut_ptr().cast())
                .result()
                .map_err(failed)?;
        }
    }
    Ok(bytes)
}
