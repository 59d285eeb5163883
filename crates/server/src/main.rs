//! The program `polevik-server`.

use std::process::ExitCode;

fn main() -> ExitCode {
    polevik_server::cli::main()
}
