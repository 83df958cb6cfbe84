//! The committed OpenAPI documents are the ones that the program serves: `make openapi` writes
//! them anew.

use std::process::Command;

#[test]
fn committed_documents_are_what_the_program_prints() {
    for which in ["public", "internal"] {
        let printed = Command::new(env!("CARGO_BIN_EXE_daarion"))
            .args(["openapi", which])
            .output()
            .expect("daarion runs");
        assert!(printed.status.success(), "{printed:?}");
        let path = format!("{}/openapi/{which}.json", env!("CARGO_MANIFEST_DIR"));
        let committed = std::fs::read_to_string(&path).expect("the document is committed");
        assert!(
            committed == String::from_utf8_lossy(&printed.stdout),
            "{path} is not what the program prints; run `make openapi`"
        );
    }
}
