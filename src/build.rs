//! How the binary is linked: relative relocations packed (DT_RELR), which a static binary that may
//! be loaded anywhere has by the ten thousands (0.6 MB less); functions that came out the same kept
//! once, of which generic code makes many; and a release without symbols, since `strip` of the
//! profile is lost to a package that has settings of its own.

fn main() {
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
    println!("cargo::rerun-if-changed=src/build.rs");
}
