//! Which distribution: the `distribution` subset. Names, versions and families are those of Ansible's page on
//! `ansible_facts['distribution']` and its table of operating system families.

use super::os_family::family;
use super::raw::Raw;
use crate::value::{Map, Value};

/// What one release file says: the facts it changes.
type Found = Vec<(&'static str, String)>;

/// distribution, distribution_version, …_major_version, …_release, …_file_*, os_family.
pub(super) fn distribution(raw: &Raw<'_>, facts: &mut Map) {
    let mut found = guess(raw);
    for (path, variety) in FILES {
        let Some(text) = raw.file(path) else {
            // These two say it by being there.
            if raw.exists(path) && matches!(*variety, "VMwareESX" | "Archlinux") {
                found.push(("distribution", (*variety).to_owned()));
                found.push(("distribution_file_path", (*path).to_owned()));
                found.push(("distribution_file_variety", (*variety).to_owned()));
                break;
            }
            continue;
        };
        if let Some(more) = read(raw, path, variety, text) {
            found.push(("distribution", (*variety).to_owned()));
            found.push(("distribution_file_path", (*path).to_owned()));
            found.push(("distribution_file_variety", (*variety).to_owned()));
            facts.insert("distribution_file_parsed".into(), Value::Bool(true));
            found.extend(more);
            break;
        }
    }
    for (key, value) in found {
        facts.insert(key.to_owned(), Value::from(value));
    }
    let name = facts
        .get("distribution")
        .map_or_else(String::new, Value::to_string);
    facts.insert("os_family".into(), Value::from(family(&name)));
}

/// Release files in the order in which they are tried, and what each stands for.
const FILES: &[(&str, &str)] = &[
    ("/etc/altlinux-release", "Altlinux"),
    ("/etc/oracle-release", "OracleLinux"),
    ("/etc/slackware-version", "Slackware"),
    ("/etc/centos-release", "CentOS"),
    ("/etc/redhat-release", "RedHat"),
    ("/etc/vmware-release", "VMwareESX"),
    ("/etc/openwrt_release", "OpenWrt"),
    ("/etc/os-release", "Amazon"),
    ("/etc/system-release", "Amazon"),
    ("/etc/alpine-release", "Alpine"),
    ("/etc/arch-release", "Archlinux"),
    ("/etc/os-release", "Archlinux"),
    ("/etc/os-release", "SUSE"),
    ("/etc/SuSE-release", "SUSE"),
    ("/etc/gentoo-release", "Gentoo"),
    ("/etc/os-release", "Debian"),
    ("/etc/lsb-release", "Debian"),
    ("/etc/lsb-release", "Mandriva"),
    ("/etc/sourcemage-release", "SMGL"),
    ("/usr/lib/os-release", "ClearLinux"),
    ("/etc/coreos/update.conf", "Coreos"),
    ("/etc/os-release", "Flatcar"),
    ("/etc/os-release", "NA"),
];

/// A value of a file of `NAME=value` lines, without its quotes.
pub(super) fn setting<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))
        .map(|value| value.trim().trim_matches(['"', '\'']))
}

fn os_release<'a>(raw: &'a Raw<'_>) -> &'a str {
    raw.file("/etc/os-release")
        .or_else(|| raw.file("/usr/lib/os-release"))
        .unwrap_or_default()
}

/// The first digits-and-dots word of a release line such as `CentOS Linux release 7.9.2009 (Core)`.
fn version_in(line: &str) -> Option<&str> {
    line.split_whitespace()
        .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))
}

/// What `os-release` says, before the release files have their say.
fn guess(raw: &Raw<'_>) -> Found {
    let text = os_release(raw);
    let id = setting(text, "ID").unwrap_or_default();
    let release_file = [
        "/etc/centos-release",
        "/etc/redhat-release",
        "/etc/oracle-release",
    ]
    .iter()
    .find_map(|p| raw.file(p))
    .unwrap_or_default();
    let mut version = setting(text, "VERSION_ID").unwrap_or_default().to_owned();
    // Debian's and CentOS's own files know the minor version.
    if id == "debian" {
        let longer = raw
            .file("/etc/debian_version")
            .filter(|v| v.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(longer) = longer {
            longer.clone_into(&mut version);
        }
    } else if let Some(longer) = version_in(release_file)
        && (id == "centos" || version.is_empty())
    {
        version = longer.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    }
    let codename = setting(text, "VERSION_CODENAME")
        .or_else(|| setting(text, "UBUNTU_CODENAME"))
        .map(str::to_owned)
        .or_else(|| in_brackets(setting(text, "VERSION").unwrap_or_default()))
        .or_else(|| in_brackets(release_file));
    let or_na = |text: &str| if text.is_empty() { "NA" } else { text }.to_owned();
    vec![
        ("distribution", or_na(&capitalised(id))),
        (
            "distribution_major_version",
            or_na(version.split('.').next().unwrap_or_default()),
        ),
        ("distribution_version", or_na(&version)),
        (
            "distribution_release",
            codename.unwrap_or_else(|| "NA".to_owned()),
        ),
    ]
}

/// The words in brackets at the end of a release line.
fn in_brackets(line: &str) -> Option<String> {
    let (_, rest) = line.rsplit_once('(')?;
    Some(rest.split(')').next()?.to_owned()).filter(|name| !name.is_empty())
}

fn capitalised(id: &str) -> String {
    match id {
        "amzn" => "Amazon".to_owned(),
        "rhel" => "Redhat".to_owned(),
        "" => "OtherLinux".to_owned(),
        _ => {
            let mut chars = id.chars();
            chars.next().map_or_else(String::new, |first| {
                first
                    .to_uppercase()
                    .chain(chars.flat_map(char::to_lowercase))
                    .collect()
            })
        }
    }
}

/// What a release file says when it is read as one of that distribution; `None` when it is another's.
fn read(raw: &Raw<'_>, path: &str, variety: &str, text: &str) -> Option<Found> {
    let get = |name: &str| setting(text, name).map(str::to_owned);
    let contains = |needle: &str| text.contains(needle);
    let name = |name: &str| vec![("distribution", name.to_owned())];
    let with = |mut found: Found, key: &'static str, value: Option<String>| {
        found.extend(value.map(|v| (key, v)));
        found
    };
    match variety {
        "OracleLinux" | "RedHat" | "Altlinux" | "SMGL" => {
            let search = match variety {
                "OracleLinux" => "Oracle Linux",
                "RedHat" => "Red Hat",
                "Altlinux" => "ALT",
                _ => "Source Mage GNU/Linux",
            };
            if contains(search) {
                let mut found = name(variety);
                found.push(("distribution_file_search_string", search.to_owned()));
                return Some(found);
            }
            Some(name(text.split_whitespace().next()?))
        }
        "Slackware" if contains("Slackware") => Some(with(
            name(variety),
            "distribution_version",
            version_in(text).map(str::to_owned),
        )),
        "CentOS" if contains("CentOS Stream") => {
            Some(vec![("distribution_release", "Stream".to_owned())])
        }
        "CentOS" if contains("TencentOS Server") => Some(name("TencentOS")),
        "OpenWrt" if contains("OpenWrt") => {
            let found = with(
                name(variety),
                "distribution_version",
                get("DISTRIB_RELEASE"),
            );
            Some(with(found, "distribution_release", get("DISTRIB_CODENAME")))
        }
        "Amazon" if contains("Amazon") => Some(amazon(path, text)),
        "Alpine" => Some(with(
            name("Alpine"),
            "distribution_version",
            Some(text.to_owned()),
        )),
        "Archlinux" if contains("Arch Linux") => Some(name(variety)),
        "SUSE" if text.to_lowercase().contains("suse") => Some(suse(raw, path, text)),
        "Debian" => debian(raw, path, text),
        "Mandriva" if contains("Mandriva") => {
            let found = with(
                name(variety),
                "distribution_version",
                get("DISTRIB_RELEASE"),
            );
            Some(with(found, "distribution_release", get("DISTRIB_CODENAME")))
        }
        "ClearLinux" => {
            let found = name(&get("NAME").filter(|n| n.contains("Clear Linux"))?);
            let found = with(found, "distribution_major_version", get("VERSION_ID"));
            let found = with(found, "distribution_version", get("VERSION_ID"));
            Some(with(found, "distribution_release", get("ID")))
        }
        "Coreos" if setting(os_release(raw), "ID") == Some("coreos") => {
            Some(with(Vec::new(), "distribution_release", get("GROUP")))
        }
        "Flatcar" if get("ID").as_deref() == Some("flatcar") => {
            let version = get("VERSION")?;
            let major = version.split('.').next().unwrap_or_default().to_owned();
            Some(vec![
                ("distribution_major_version", major),
                ("distribution_version", version),
            ])
        }
        "NA" => {
            let found = with(Vec::new(), "distribution", get("NAME"));
            let unknown = get("VERSION_ID").is_none();
            Some(with(
                found,
                "distribution_version",
                get("VERSION").filter(|_| unknown),
            ))
        }
        _ => None,
    }
}

fn amazon(path: &str, text: &str) -> Found {
    let mut found = vec![("distribution", "Amazon".to_owned())];
    if path == "/etc/os-release" {
        if let Some(version) = setting(text, "VERSION_ID") {
            let (major, minor) = version.split_once('.').unwrap_or((version, "NA"));
            found.push(("distribution_version", version.to_owned()));
            found.push(("distribution_major_version", major.to_owned()));
            found.push(("distribution_minor_version", minor.to_owned()));
        }
    } else {
        let number = |w: &&str| w.chars().all(|c| c.is_ascii_digit());
        let version = text.split_whitespace().find(number).unwrap_or("NA");
        found.push(("distribution_version", version.to_owned()));
    }
    found
}

fn suse(raw: &Raw<'_>, path: &str, text: &str) -> Found {
    let mut found = Found::new();
    let lower = text.to_lowercase();
    if path == "/etc/os-release" {
        if let Some(name) = setting(text, "NAME") {
            found.push(("distribution", name.to_owned()));
        }
        if let Some(version) = setting(text, "VERSION_ID") {
            let (major, minor) = version.split_once('.').unwrap_or((version, ""));
            found.push(("distribution_version", version.to_owned()));
            found.push(("distribution_major_version", major.to_owned()));
            if lower.contains("open") {
                found.push(("distribution_release", minor.to_owned()));
            } else if lower.contains("enterprise") {
                let minor = if minor.is_empty() { "0" } else { minor };
                found.push(("distribution_release", minor.to_owned()));
            }
        }
    } else if lower.contains("open") {
        let first = text.split_whitespace().next().unwrap_or_default();
        found.push(("distribution", first.to_owned()));
    } else if text.contains("Server") {
        found.push(("distribution", "SLES".to_owned()));
    } else if text.contains("Desktop") {
        found.push(("distribution", "SLED".to_owned()));
    }
    let product = raw.link("/etc/products.d/baseproduct").unwrap_or_default();
    match setting(text, "VARIANT_ID") {
        Some("server-sap" | "sles-sap") => found.push(("distribution", "SLES_SAP".to_owned())),
        Some("transactional") => found.push(("distribution", "SL-Micro".to_owned())),
        None if product.ends_with("SLES_SAP.prod") => {
            found.push(("distribution", "SLES_SAP".to_owned()));
        }
        None if product.ends_with("SL-Micro.prod") => {
            found.push(("distribution", "SL-Micro".to_owned()));
        }
        _ => {}
    }
    found
}

/// Debian's family by the words in the file. Those after Ubuntu say their version themselves.
fn debian(raw: &Raw<'_>, path: &str, text: &str) -> Option<Found> {
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    let pretty = setting(text, "PRETTY_NAME").unwrap_or_default();
    let mut found = Found::new();
    let own_version = |found: &mut Found, whole: bool| {
        if let Some(version) = setting(text, "VERSION_ID") {
            let major = if whole {
                version
            } else {
                version.split('.').next().unwrap_or_default()
            };
            found.push(("distribution_version", version.to_owned()));
            found.push(("distribution_major_version", major.to_owned()));
        }
    };
    let named = if has(&["Debian", "Raspbian"]) {
        if let Some(release) = in_brackets(pretty) {
            found.push(("distribution_release", release));
        }
        let minor = raw
            .file("/etc/debian_version")
            .and_then(|v| v.split_once('.'))
            .map(|(_, minor)| {
                minor
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect::<String>()
            });
        if let Some(minor) = minor.filter(|m| !m.is_empty()) {
            found.push(("distribution_minor_version", minor));
        }
        "Debian"
    } else if has(&["Ubuntu"]) {
        "Ubuntu"
    } else if has(&["SteamOS"]) {
        "SteamOS"
    } else if has(&["Kali", "Parrot"]) && matches!(path, "/etc/lsb-release" | "/etc/os-release") {
        if let Some(release) = setting(text, "DISTRIB_RELEASE") {
            found.push(("distribution_release", release.to_owned()));
        }
        if has(&["Kali"]) { "Kali" } else { "Parrot" }
    } else if has(&["Devuan"]) {
        let release = pretty.rsplit(' ').next().unwrap_or_default();
        let release = release.trim_matches(['(', ')']);
        found.push(("distribution_release", release.to_owned()));
        own_version(&mut found, true);
        "Devuan"
    } else if has(&["Cumulus"]) {
        own_version(&mut found, false);
        if let Some(release) = setting(text, "VERSION") {
            found.push(("distribution_release", release.to_owned()));
        }
        "Cumulus Linux"
    } else if has(&["Mint"]) {
        own_version(&mut found, false);
        "Linux Mint"
    } else if has(&["UOS", "Uos", "uos", "Deepin", "deepin"]) {
        if let Some(release) = setting(text, "VERSION_CODENAME") {
            found.push(("distribution_release", release.to_owned()));
        }
        own_version(&mut found, false);
        if has(&["UOS", "Uos", "uos"]) {
            "Uos"
        } else {
            "Deepin"
        }
    } else if has(&["LMDE"]) {
        "Linux Mint Debian Edition"
    } else {
        return None;
    };
    found.push(("distribution", named.to_owned()));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(files: &[(&str, &str)]) -> String {
        let mut out = "@@hoist:files\n".to_owned();
        for (path, text) in files {
            for line in text.lines() {
                out.push_str(&format!("{path}:{line}\n"));
            }
        }
        let mut facts = Map::new();
        distribution(&Raw::parse(&out), &mut facts);
        [
            "distribution",
            "distribution_version",
            "distribution_major_version",
            "distribution_release",
            "os_family",
        ]
        .map(|k| facts[k].to_string())
        .join(" | ")
    }

    #[test]
    fn distributions_have_the_names_that_playbooks_compare_with() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", debian), ("/etc/debian_version", "12.11")]),
            @"Debian | 12.11 | 12 | bookworm | Debian"
        );
        let ubuntu = "PRETTY_NAME=\"Ubuntu 22.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.3 LTS (Jammy Jellyfish)\"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\nHOME_URL=\"https://www.ubuntu.com/\"";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", ubuntu), ("/etc/debian_version", "bookworm/sid")]),
            @"Ubuntu | 22.04 | 22 | jammy | Debian"
        );
        let rocky =
            "NAME=\"Rocky Linux\"\nVERSION=\"9.3 (Blue Onyx)\"\nID=\"rocky\"\nVERSION_ID=\"9.3\"";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", rocky), ("/etc/redhat-release", "Rocky Linux release 9.3 (Blue Onyx)")]),
            @"Rocky | 9.3 | 9 | Blue Onyx | RedHat"
        );
        let centos = "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nVERSION_ID=\"7\"";
        let release = "CentOS Linux release 7.9.2009 (Core)";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", centos), ("/etc/centos-release", release), ("/etc/redhat-release", release)]),
            @"CentOS | 7.9 | 7 | Core | RedHat"
        );
        let rhel = "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"8.9 (Ootpa)\"\nID=\"rhel\"\nVERSION_ID=\"8.9\"";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", rhel), ("/etc/redhat-release", "Red Hat Enterprise Linux release 8.9 (Ootpa)")]),
            @"RedHat | 8.9 | 8 | Ootpa | RedHat"
        );
        let fedora = "NAME=\"Fedora Linux\"\nVERSION=\"41 (Server Edition)\"\nID=fedora\nVERSION_ID=41\nVERSION_CODENAME=\"\"";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", fedora), ("/etc/redhat-release", "Fedora release 41 (Forty One)")]),
            @"Fedora | 41 | 41 |  | RedHat"
        );
        let alpine = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"";
        insta::assert_snapshot!(
            facts(&[("/etc/os-release", alpine), ("/etc/alpine-release", "3.20.3")]),
            @"Alpine | 3.20.3 | 3 | NA | Alpine"
        );
        let leap =
            "NAME=\"openSUSE Leap\"\nVERSION=\"15.5\"\nID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"";
        insta::assert_snapshot!(facts(&[("/etc/os-release", leap)]), @"openSUSE Leap | 15.5 | 15 | 5 | Suse");
        let amazon = "NAME=\"Amazon Linux\"\nVERSION=\"2023\"\nID=\"amzn\"\nVERSION_ID=\"2023\"";
        insta::assert_snapshot!(facts(&[("/etc/os-release", amazon)]), @"Amazon | 2023 | 2023 | NA | RedHat");
        let arch = "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling";
        insta::assert_snapshot!(facts(&[("/etc/os-release", arch)]), @"Archlinux | NA | NA | NA | Archlinux");
        let void = "NAME=\"Void\"\nID=\"void\"\nPRETTY_NAME=\"Void Linux\"";
        insta::assert_snapshot!(facts(&[("/etc/os-release", void)]), @"Void | NA | NA | NA | Void");
        insta::assert_snapshot!(facts(&[]), @"OtherLinux | NA | NA | NA | OtherLinux");
    }
}
