//! Texts made by the real `ansible-vault` (2.19.14) with throw-away passwords, and the way there and back.

use super::*;
use crate::error::Diagnostic;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const HELLO_1_1: &str = "$ANSIBLE_VAULT;1.1;AES256
35616265616162616131393364663137373037303262303230633738303838326161323532323237
3735353964666539333863653564393765386466363933310a346234373236633136656565333037
35353563643062653765316632346639353862343263313136373265623461313662373033313234
3435343563323437330a373033323635313961393136636134376433336634666433383334306463
3733
";
const HELLO_1_2: &str = "$ANSIBLE_VAULT;1.2;AES256;dev
65353164316137323865373130316162623535353232366538623733376631326565636364316430
6461636466313239313539663739316634346663366630360a616262333533643538346563313135
31646633396338643066376433353238643738326634373535343531376661343631336364366536
3637383734623462360a636335356535643165333936633130303666363139336338376237663831
3765
";
const BLOCK: &str = "$ANSIBLE_VAULT;1.1;AES256
36623234636432626439376364393563313861316633336166356131643837626264373931356439
3739633132333262363238306433663064346331386533380a633262323333346138363637626533
32363732643531636238333635653632326438363137313738363332653765636666623962396538
3965313165623331300a393630326230393235373034646562373032343933633362653033313239
36383436343663326566353764326266356232373937633064376161373865643463
";
const EMPTY: &str = "$ANSIBLE_VAULT;1.1;AES256
61323935633565316238616134306262306235323637643434383236643834626230613866643064
6335613739313864363265636338393165623235356465380a366330323232363364333964393266
36303631333033393633313166306537386630316634343431653761373064653539663633326663
3132346666653539650a633662633831343935396137393637653664643337366539323339303565
3666
";

fn ring() -> Keyring {
    let mut ring = Keyring::new();
    ring.add("default", "swordfish");
    ring.add("dev", "trout");
    ring
}

fn told(result: Result<Vec<u8>, VaultError>) -> String {
    result.unwrap_err().diagnostic().to_string()
}

/// Writes a file from another process, because a script that this process has open for writing while some other test
/// forks cannot be run.
fn write(path: &Path, text: &str, mode: u32) {
    let script = "printf %s \"$1\" > \"$0\" && chmod \"$2\" \"$0\"";
    let status = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(path)
        .args([text, &format!("{mode:o}")])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn texts_of_ansible_are_read() {
    for (text, plain) in [
        (HELLO_1_1, "hello: world\n"),
        (HELLO_1_2, "hello: world\n"),
        (BLOCK, "0123456789abcdef"),
        (EMPTY, ""),
    ] {
        assert_eq!(ring().decrypt(text).unwrap(), plain.as_bytes());
        // As it stands in a `!vault` block, and with the line ends of another system.
        let indented = text.replace('\n', "\r\n      ");
        assert_eq!(ring().decrypt(&indented).unwrap(), plain.as_bytes());
    }
}

#[test]
fn secrets_of_other_ids_are_tried_too() {
    let mut ring = Keyring::new();
    ring.add("prod", "wrong");
    ring.add("stage", "trout");
    assert_eq!(ring.decrypt(HELLO_1_2).unwrap(), b"hello: world\n");
}

#[test]
fn a_sealed_text_equals_that_of_ansible() {
    let inner: String = HELLO_1_2.lines().skip(1).collect();
    let inner = String::from_utf8(hex::decode(inner).unwrap()).unwrap();
    let salt = hex::decode(inner.lines().next().unwrap()).unwrap();
    assert_eq!(
        cipher::seal(b"hello: world\n", b"trout", "dev", &salt).unwrap(),
        HELLO_1_2
    );
}

#[test]
fn what_is_encrypted_reads_back() {
    let ring = ring();
    for (plain, id, header) in [
        ("", Some("default"), "$ANSIBLE_VAULT;1.1;AES256\n"),
        (
            "é\0binary\u{1}",
            Some("dev"),
            "$ANSIBLE_VAULT;1.2;AES256;dev\n",
        ),
    ] {
        let text = ring.encrypt(plain.as_bytes(), id).unwrap();
        assert!(text.starts_with(header), "{text}");
        assert!(text.lines().all(|l| l.len() <= 80));
        assert_eq!(ring.decrypt(&text).unwrap(), plain.as_bytes());
        assert_ne!(
            text,
            ring.encrypt(plain.as_bytes(), id).unwrap(),
            "the salt is fresh each time"
        );
    }
}

#[test]
fn mistakes_are_told_apart() {
    insta::assert_snapshot!(told(Keyring::new().decrypt(HELLO_1_1)), @r"
    error: this is encrypted, and no vault password was given (vault id `default`)
      help: give it with `--vault-password-file FILE` or `--ask-vault-pass`
    ");
    insta::assert_snapshot!(told(Keyring::new().decrypt(HELLO_1_2)), @r"
    error: this is encrypted, and no vault password was given (vault id `dev`)
      help: give it with `--vault-id dev@FILE` or `--vault-id dev@prompt`
    ");
    let mut wrong = Keyring::new();
    wrong.add("default", "carp");
    insta::assert_snapshot!(told(wrong.decrypt(HELLO_1_2)), @r"
    error: no vault password given fits this encrypted text (vault id `dev`)
      note: tried: default
    ");
    insta::assert_snapshot!(told(ring().decrypt("hello: world")), @r"error: this text is not encrypted: it does not begin with `$ANSIBLE_VAULT`");
    insta::assert_snapshot!(told(ring().decrypt("$ANSIBLE_VAULT;2.0;AES256\n00")), @r"
    error: unknown vault format `$ANSIBLE_VAULT;2.0;AES256`
      note: hoist reads versions 1.1 and 1.2 with cipher `AES256`
    ");
    insta::assert_snapshot!(told(ring().decrypt("$ANSIBLE_VAULT;1.1;AES256\nzz")), @r"error: the encrypted text is damaged: it holds something that is no hexadecimal number");
    insta::assert_snapshot!(told(ring().decrypt(&HELLO_1_1[..200])), @r"error: the encrypted text is damaged: a part is no hexadecimal number");
    let encrypt = |id| {
        ring()
            .encrypt(b"x", id)
            .unwrap_err()
            .diagnostic()
            .to_string()
    };
    insta::assert_snapshot!(encrypt(Some("prod")), @r"
    error: no vault password for the vault id `prod` was given
      note: known: default, dev
    ");
    insta::assert_snapshot!(encrypt(None), @r"
    error: several vault passwords were given, and none was chosen to encrypt with
      note: known: default, dev
      help: choose one with `--encrypt-vault-id ID`
    ");
}

#[test]
fn a_changed_text_is_not_decrypted() {
    let changed = HELLO_1_1.replace("3733\n", "3734\n");
    assert!(matches!(
        ring().decrypt(&changed),
        Err(VaultError::WrongSecret(..))
    ));
}

#[test]
fn a_ring_never_shows_its_secrets() {
    assert_eq!(format!("{:?}", ring()), "Keyring(default, dev)");
}

#[test]
fn sources_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        write(&path, text, mode);
        path.display().to_string()
    };
    let plain = file("pw", "swordfish\n", 0o600);
    let client = file("my-client.sh", "#!/bin/sh\necho \"$1 $2\"\n", 0o700);
    let script = file("script", "#!/bin/sh\necho \"$#\"\n", 0o700);
    let sealed = file("sealed", HELLO_1_1, 0o600);
    let sources: Vec<_> = [
        plain,
        format!("a@{client}"),
        format!("b@{script}"),
        "c@prompt".to_owned(),
        sealed,
    ]
    .iter()
    .map(|s| SecretSource::parse(s))
    .collect();
    let ring = Keyring::load(&sources, &mut |text| Ok(format!("<{text}>"))).unwrap();
    let expected = [
        ("default", "swordfish"),
        ("a", "--vault-id a"),
        ("b", "0"),
        ("c", "<Vault password (c): >"),
        ("default", "hello: world"),
    ];
    let mut same = Keyring::new();
    expected.iter().for_each(|(id, s)| same.add(id, *s));
    assert!(ring.same_secrets(&same));
    let env =
        |name: &str| (name == "ANSIBLE_VAULT_IDENTITY_LIST").then(|| "x@prompt, prompt".to_owned());
    assert_eq!(
        SecretSource::from_env(env),
        [SecretSource::prompt("x"), SecretSource::prompt("default")]
    );
}

#[test]
fn sources_that_fail_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let failing = dir.path().join("failing");
    write(
        &failing,
        "#!/bin/sh
exit 3
",
        0o700,
    );
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let sources: Vec<_> = [
        &failing,
        &empty,
        &dir.path().join("missing"),
        &dir.path().to_owned(),
    ]
    .iter()
    .map(|p| SecretSource::file(&p.display().to_string()))
    .collect();
    let problems = Keyring::load(&sources, &mut |_| Ok(String::new())).unwrap_err();
    let text = problems
        .to_string()
        .replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text, @r"
    error: the vault password script `DIR/failing` failed with exit status: 3

    error: the vault password from `DIR/empty` is empty

    error: cannot read the vault password file `DIR/missing`: No such file or directory (os error 2)

    error: the vault password file `DIR` is a directory
    ");
}

#[test]
fn files_are_replaced_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vars.yml");
    let other = dir.path().join("out.yml");
    let ring = ring();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    std::fs::write(&path, "hello: world\n").unwrap();
    encrypt_file(&path, None, &ring, Some("dev")).unwrap();
    assert!(is_encrypted(&std::fs::read(&path).unwrap()));
    assert_eq!(mode(&path), 0o600);
    assert!(
        encrypt_file(&path, None, &ring, Some("dev"))
            .unwrap_err()
            .to_string()
            .contains("is encrypted already")
    );
    decrypt_file(&path, Some(&other), &ring).unwrap();
    assert_eq!(
        (
            std::fs::read_to_string(&other).unwrap().as_str(),
            mode(&other)
        ),
        ("hello: world\n", 0o600)
    );
    let mut new = Keyring::new();
    new.add("default", "pike");
    rekey(&path, &ring, &new, None).unwrap();
    assert_eq!(view(&path, &new).unwrap(), b"hello: world\n");
    assert!(view(&path, &ring).is_err());
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        2,
        "no temporary file stays"
    );
}

#[test]
fn editing_keeps_the_id_and_an_unchanged_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vars.yml");
    std::fs::write(&path, HELLO_1_2).unwrap();
    assert!(!edit(&path, &ring(), "true").unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), HELLO_1_2);
    assert!(edit(&path, &ring(), "sed -i s/world/there/").unwrap());
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("$ANSIBLE_VAULT;1.2;AES256;dev\n")
    );
    assert_eq!(view(&path, &ring()).unwrap(), b"hello: there\n");
    let failed: Diagnostic = edit(&path, &ring(), "false").unwrap_err();
    assert!(failed.message.contains("nothing was changed"), "{failed}");
    let new = dir.path().join("new.yml");
    create(&new, &ring(), Some("default"), "sh -c 'echo a: 1 > \"$0\"'").unwrap();
    assert_eq!(view(&new, &ring()).unwrap(), b"a: 1\n");
    assert!(create(&new, &ring(), Some("default"), "true").is_err());
}

#[test]
fn strings_become_vault_blocks() {
    let block = encrypt_string(b"secret", Some("token"), &ring(), Some("dev")).unwrap();
    let source = crate::error::Source::new("f", block.as_str());
    let value = crate::yaml::parse(&source)
        .unwrap()
        .root
        .unwrap()
        .to_value();
    let Some(crate::value::Value::Vault(v)) = value.get("token") else {
        panic!("{block}")
    };
    assert_eq!(ring().decrypt(&v.cipher).unwrap(), b"secret");
}
