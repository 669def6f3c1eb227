//! Kinds of machine.

use std::fmt;

/// A kind of machine, by the name that Debian, Go and container images have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// One file for every kind of machine.
    Any,
    /// 64-bit PCs
    Amd64,
    /// 64-bit ARM
    Arm64,
    /// 32-bit ARM
    Arm,
    /// 32-bit PCs
    I386,
    /// POWER, little endian
    Ppc64le,
    /// RISC-V, 64 bits
    Riscv64,
    /// IBM Z
    S390x,
}

impl Arch {
    /// All kinds of machine; not [`Arch::Any`], which is none.
    pub const ALL: [Self; 7] = [
        Self::Amd64,
        Self::Arm64,
        Self::Arm,
        Self::I386,
        Self::Ppc64le,
        Self::Riscv64,
        Self::S390x,
    ];

    /// Those that an address with `{arch}` stands for when nothing says otherwise.
    pub const USUAL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Arm => "arm",
            Self::I386 => "386",
            Self::Ppc64le => "ppc64le",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }

    /// The one of that name; `any` is one too.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Any]
            .into_iter()
            .chain(Self::ALL)
            .find(|arch| arch.name() == name)
    }

    /// What `uname -m` calls it on a host.
    pub fn of_machine(machine: &str) -> Option<Self> {
        Some(match machine {
            "x86_64" | "amd64" => Self::Amd64,
            "aarch64" | "arm64" => Self::Arm64,
            "i386" | "i486" | "i586" | "i686" | "x86" => Self::I386,
            "ppc64le" => Self::Ppc64le,
            "riscv64" => Self::Riscv64,
            "s390x" => Self::S390x,
            arm if arm.starts_with("arm") => Self::Arm,
            _ => return None,
        })
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
