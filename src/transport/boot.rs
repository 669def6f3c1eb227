//! The shell text that turns a fresh `sh` into the long-lived one, and the words that start it as another user.

use super::Become;

/// How a started shell says that it listens, before it knows anything else.
pub(super) const HELLO: &str = "hoist-hello-";

/// How it says that it is ready; its process number follows.
pub(super) const READY: &str = "hoist-ready-";

/// Scripts up to this size are read line by line by the shell itself, which saves starting a `head`.
const LINES: usize = 6000;

/// The command that makes `sh` say hello and then do what the first line of its input says.
///
/// The login shell reads this, and it may be fish or csh: no quote inside, no backslash, no `!`, no line end.
pub(super) fn command(token: &str) -> String {
    format!("exec sh -c '{}'", say_hello(token))
}

fn say_hello(token: &str) -> String {
    format!(r#"echo {HELLO}{token}; IFS= read -r l && eval "$l""#)
}

/// What is sent to a shell that said hello (or will): a first line that reads the rest, then the loop.
pub(super) fn program(token: &str, prelude: &str) -> String {
    let first = r#"N=$(printf "\n."); N=${N%.}; b=; while IFS= read -r t; do [ "$t" = . ] && { eval "$b"; exit; }; b=$b$t$N; done"#;
    format!(
        "{first}\n{TAKE}{prelude}\nprintf '%s%s %s\\n' {READY} {token} $$\n{LOOP}.\n",
        TAKE = TAKE,
        LOOP = LOOP,
    )
}

// busybox's head reads ahead and swallows what belongs to the next script; its dd does not.
const TAKE: &str = r#"hoist_x=$(printf abcd | { head -c 2 >/dev/null 2>&1; IFS= read -r y; printf %s "$y"; })
if [ "$hoist_x" = cd ]; then
hoist_take() { head -c "$1"; }
else
hoist_take() { hoist_a=$(($1 / 65536)); hoist_b=$(($1 % 65536)); [ $hoist_a = 0 ] || dd bs=65536 count=$hoist_a iflag=fullblock 2>/dev/null; [ $hoist_b = 0 ] || dd bs=$hoist_b count=1 iflag=fullblock 2>/dev/null; }
fi
hoist_x=$(printf abcd | { hoist_take 2 >/dev/null 2>&1; IFS= read -r y; printf %s "$y"; })
[ "$hoist_x" = cd ] || hoist_take() { dd bs=1 count="$1" 2>/dev/null; }
"#;

// A request is a line `nonce lines bytes input`, then the script (as so many lines, or so many bytes), then its input.
const LOOP: &str = r#"while IFS=' ' read -r hoist_n hoist_l hoist_c hoist_i; do
hoist_s=
if [ "$hoist_l" = - ]; then hoist_s=$(hoist_take "$hoist_c"); else
while [ "$hoist_l" -gt 0 ]; do IFS= read -r hoist_t || exit 1; hoist_s=$hoist_s$hoist_t$N; hoist_l=$((hoist_l - 1)); done
fi
echo "$hoist_n<"; echo "$hoist_n<" >&2
if [ "$hoist_i" = - ]; then ( eval "$hoist_s" ) </dev/null
else hoist_take "$hoist_i" | { ( eval "$hoist_s" ); hoist_r=$?; cat >/dev/null; exit $hoist_r; }
fi
hoist_r=$?
echo "$hoist_n>$hoist_r"; echo "$hoist_n>$hoist_r" >&2
done
"#;

/// The request line and the script as they are sent.
pub(super) fn request(nonce: &str, script: &str, input: Option<u64>) -> Vec<u8> {
    let input = input.map_or_else(|| "-".to_owned(), |n| n.to_string());
    if script.len() <= LINES {
        let lines = script.split('\n').count();
        format!("{nonce} {lines} - {input}\n{script}\n").into_bytes()
    } else {
        // `$(…)` strips line ends from the end, which no script needs.
        format!("{nonce} - {} {input}\n{script}", script.len()).into_bytes()
    }
}

/// The command that starts the shell as another user, and how that asks for a password.
pub(super) struct Becoming {
    /// For the login shell.
    pub(super) command: String,
    /// Whether the program may be sent without waiting for the hello, because nobody else reads standard input.
    pub(super) eager: bool,
    /// What asks for the password; empty for any prompt that ends in a colon.
    pub(super) prompt: String,
}

/// How to become the other user. `password`: one will be given when it is asked for.
///
/// # Errors
/// A message for a method that is not known.
pub(super) fn becoming(how: &Become, token: &str, password: bool) -> Result<Becoming, String> {
    let exe = how.exe.as_deref().unwrap_or(&how.method);
    let mut words = vec![exe.to_owned()];
    let given = how.flags.clone();
    let prompt = format!("hoist-password-{token}:");
    let sh = ["sh".to_owned(), "-c".to_owned(), say_hello(token)];
    match how.method.as_str() {
        "sudo" => {
            // Whether sudo may ask, and where, is decided here; the other flags are the user's.
            words.extend(
                given
                    .unwrap_or_else(|| vec!["-H".to_owned()])
                    .into_iter()
                    .filter(|f| f != "-n" && f != "-S"),
            );
            if password {
                words.extend(["-S".to_owned(), "-p".to_owned(), prompt.clone()]);
            } else {
                words.push("-n".to_owned());
            }
            words.extend(["-u".to_owned(), how.user.clone()]);
            words.extend(sh);
        }
        "su" => {
            words.extend(given.unwrap_or_default());
            words.push(how.user.clone());
            words.push("-c".to_owned());
            words.push(format!("exec {}", shell_words::join(sh)));
        }
        "doas" => {
            words.extend(given.unwrap_or_default().into_iter().filter(|f| f != "-n"));
            // doas reads passwords from a terminal only, and there is none.
            words.extend(["-n".to_owned(), "-u".to_owned(), how.user.clone()]);
            words.extend(sh);
        }
        other => return Err(format!("unknown become method `{other}`")),
    }
    Ok(Becoming {
        command: format!("exec {}", shell_words::join(&words)),
        eager: how.method != "su" && !(password && how.method == "sudo"),
        prompt: if how.method == "sudo" {
            prompt
        } else {
            String::new()
        },
    })
}

/// The script, for another shell of the same account, that kills everything that runs below process `pid`, then `pid`.
pub(super) fn kill_tree(pid: u32) -> String {
    format!(
        r#"k=" {pid} "; again=1
kill -STOP {pid} 2>/dev/null
while [ $again = 1 ]; do again=0
for s in /proc/[0-9]*/stat; do
{{ IFS= read -r l <"$s"; }} 2>/dev/null || continue
p=${{l%% *}}; r=${{l##*) }}; r=${{r#* }}; r=${{r%% *}}
case $k in *" $p "*) ;; *) case $k in *" $r "*) k="$k$p "; again=1;; esac;; esac
done
done
k=${{k# {pid} }}
kill -TERM $k 2>/dev/null
i=0
while [ $i -lt 10 ]; do
n=; for p in $k; do [ -d /proc/$p ] && n="$n $p"; done
[ -n "$n" ] || break
i=$((i + 1)); sleep 0.1 2>/dev/null || {{ sleep 1; i=10; }}
done
kill -KILL $k {pid} 2>/dev/null
:"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(method: &str, flags: Option<&[&str]>) -> Become {
        Become {
            method: method.into(),
            user: "app".into(),
            flags: flags.map(|f| f.iter().map(|s| (*s).to_owned()).collect()),
            exe: None,
        }
    }

    #[test]
    fn commands_of_the_become_methods() {
        let show = |how: &Become, password| {
            let b = becoming(how, "T", password).unwrap();
            format!("{} [{}]", b.command, b.eager)
        };
        insta::assert_snapshot!(show(&how("sudo", None), false), @r#"exec sudo -H -n -u app sh -c 'echo hoist-hello-T; IFS= read -r l && eval "$l"' [true]"#);
        insta::assert_snapshot!(show(&how("sudo", Some(&["-H", "-S", "-n", "-E"])), true), @r#"exec sudo -H -E -S -p hoist-password-T: -u app sh -c 'echo hoist-hello-T; IFS= read -r l && eval "$l"' [false]"#);
        insta::assert_snapshot!(show(&how("doas", None), false), @r#"exec doas -n -u app sh -c 'echo hoist-hello-T; IFS= read -r l && eval "$l"' [true]"#);
        insta::assert_snapshot!(show(&how("su", Some(&["-"])), true), @r#"exec su - app -c 'exec sh -c '\''echo hoist-hello-T; IFS= read -r l && eval "$l"'\''' [false]"#);
        assert!(becoming(&how("pbrun", None), "T", false).is_err());
    }
}
