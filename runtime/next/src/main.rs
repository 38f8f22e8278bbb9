//! Writes the two runtimes to a folder: `quern-runtime-next OUT_DIR`.

use quern_runtime_next::{BROKEN, NEXT};
use std::{env, fs, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: quern-runtime-next OUT_DIR");
        return ExitCode::FAILURE;
    };
    for (name, blob) in [
        ("quern_runtime_next.wasm", NEXT),
        ("quern_runtime_broken.wasm", BROKEN),
    ] {
        let Some(blob) = blob else {
            eprintln!("the runtimes were not built: build without SKIP_WASM_BUILD");
            return ExitCode::FAILURE;
        };
        let path = folder.join(name);
        if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, blob)) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("{}", path.display());
    }
    ExitCode::SUCCESS
}
