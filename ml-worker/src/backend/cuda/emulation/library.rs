//! The emulation compiled to shared libraries by this host's C++ compiler.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// What every driver takes for compiled kernels; the emulated one has its own.
const IMAGE: &str = ".version 8.0\n.target sm_90\n.address_size 64\n";

/// The emulation in the place of NVIDIA's driver.
pub(crate) struct EmulatedDriver {
    /// The folder of its `libcuda.so`, for the dynamic linker.
    pub(crate) folder: PathBuf,
    /// Kernels for it.
    pub(crate) kernels: PathBuf,
}

/// The emulation in the place of NVIDIA's driver; why not, where it cannot be made.
pub(crate) fn driver() -> Result<EmulatedDriver, String> {
    let library = compiled("driver.cpp", 3, "libcuda.so")?;
    let folder = library.parent().unwrap_or(Path::new(".")).to_path_buf();
    let kernels = folder.join("kernels.ptx");
    put(&kernels, |part| fs::write(part, IMAGE))?;
    Ok(EmulatedDriver { folder, kernels })
}

/// Compiles a library into a folder beside the test's executable, once for each state of the sources; why not, where there is no
/// compiler or no sources.
///
/// # Panics
/// If the compiler refuses them, which is no reason to skip a test.
pub(crate) fn compiled(source: &str, stages: u32, name: &str) -> Result<PathBuf, String> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let sources = kernels.join("emulation");
    let mut key = blake3::Hasher::new();
    for folder in [&kernels, &sources] {
        let files = fs::read_dir(folder).map_err(|_| "their sources are not here")?;
        let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        files.sort();
        for file in files.into_iter().filter(|file| file.is_file()) {
            key.update(&fs::read(&file).map_err(|error| error.to_string())?);
        }
    }
    let key = key.finalize().to_hex();
    let executable = env::current_exe().map_err(|error| error.to_string())?;
    let folder = executable.parent().unwrap_or(Path::new("."));
    let folder = folder.join(format!("quern-emulation-{}-{stages}", &key[..16]));
    let library = folder.join(name);
    if library.exists() {
        return Ok(library);
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    put(&library, |part| {
        for compiler in ["c++", "clang++"] {
            let made = Command::new(compiler)
                .args(["-std=c++17", "-O3", "-fPIC", "-shared"])
                .args(["-fwrapv", "-fno-strict-aliasing", "-fvisibility=hidden"])
                .args(["-Wno-unknown-pragmas", &format!("-DSTAGES={stages}"), "-o"])
                .args([part, &sources.join(source)])
                .output();
            match made {
                Ok(made) if made.status.success() => return Ok(()),
                Ok(made) => {
                    let said = String::from_utf8_lossy(&made.stderr).into_owned();
                    panic!("{compiler} refuses the kernels: {said}");
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(
            "there is no C++ compiler (c++ or clang++)",
        ))
    })?;
    Ok(library)
}

/// Has `make` write a file that is there whole or not at all, whoever else makes it at the same time.
fn put(file: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), String> {
    let part = file.with_extension(format!("part-{}", std::process::id()));
    let made = make(&part).and_then(|()| fs::rename(&part, file));
    made.map_err(|error| error.to_string())
}
