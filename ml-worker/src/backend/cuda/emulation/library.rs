//! The emulation compiled to shared libraries by this host's C++ compiler.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// What the compiler is told. A kernel that does what C++ does not define ends the process by an illegal instruction.
const FLAGS: [&str; 9] = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-shared",
    "-fno-strict-aliasing",
    "-fvisibility=hidden",
    "-fsanitize=signed-integer-overflow,shift,alignment,bounds,integer-divide-by-zero",
    "-fsanitize-undefined-trap-on-error",
    "-Wno-unknown-pragmas",
];

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
    let mut crc = flate2::Crc::new();
    for file in files(&folder_of_kernels())? {
        crc.update(&fs::read(&file).map_err(|error| error.to_string())?);
    }
    put(&kernels, |part| fs::write(part, image(crc.sum())))?;
    Ok(EmulatedDriver { folder, kernels })
}

/// What every driver takes for compiled kernels; the emulated one has its own, and says that they are of these `sources`.
pub(crate) fn image(sources: u32) -> String {
    format!(".version 8.0\n.target sm_90\n.address_size 64\n// SOURCES={sources}\n")
}

fn folder_of_kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

/// The files of a folder, by their names; why not, where it is not here.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let files = fs::read_dir(folder).map_err(|_| "their sources are not here")?;
    let files = files.flatten().map(|file| file.path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    Ok(files)
}

/// Compiles a library into a folder beside the test's executable, once for each state of sources and flags; why not, where there is no
/// compiler or no sources.
///
/// # Panics
/// If the compiler refuses them, which is no reason to skip a test.
pub(crate) fn compiled(source: &str, stages: u32, name: &str) -> Result<PathBuf, String> {
    let kernels = folder_of_kernels();
    let sources = kernels.join("emulation");
    let mut key = blake3::Hasher::new();
    key.update(FLAGS.concat().as_bytes());
    for folder in [&kernels, &sources] {
        for file in files(folder)? {
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
                .args(FLAGS)
                .args([&format!("-DSTAGES={stages}"), "-o"])
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
