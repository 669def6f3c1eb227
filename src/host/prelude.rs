//! The shell functions that every shell reads once, so that the scripts of actions stay short.
//!
//! Every process started on a host costs more than all the shell text around it: what the shell can do by itself (tests,
//! `umask`, `printf`, reading /proc) it does by itself.

/// For [`crate::transport::LinkOptions::prelude`]; scripts of this folder's actions call what it defines.
pub const PRELUDE: &str = r#"
hoist_born() {
hoist_b=; { IFS= read -r hoist_b <"/proc/$1/stat"; } 2>/dev/null || return 1
hoist_b=${hoist_b##*) }; set -- $hoist_b; [ $# -gt 19 ] || return 1; shift 19; hoist_b=$1
}
hoist_fail() { printf '%s\n' "$*" >&2; exit 1; }
hoist_b=0; hoist_born $$; hoist_start=${hoist_b:-0}
hoist_uid=; hoist_gid=
{ while read -r hoist_a hoist_b hoist_c hoist_x; do case $hoist_a in Uid:) hoist_uid=$hoist_c;; Gid:) hoist_gid=$hoist_c; break;; esac; done </proc/self/status; } 2>/dev/null
[ -n "$hoist_gid" ] || { hoist_uid=$(id -u); hoist_gid=$(id -g); }
hoist_temp() {
for hoist_o in "$1"*; do
case $hoist_o in *.hoist-*-*-*) ;; *) continue;; esac
hoist_x=${hoist_o##*.hoist-}; hoist_p=${hoist_x%%-*}; hoist_x=${hoist_x#*-}; hoist_x=${hoist_x%%-*}
if hoist_born "$hoist_p"; then [ "$hoist_b" = "$hoist_x" ] && continue; else [ -d /proc/self ] || continue; fi
rm -f -- "$hoist_o"
done
hoist_t=$1$$-$hoist_start-$2
trap 'rm -f -- "$hoist_t"' EXIT
trap 'exit 1' HUP INT TERM PIPE
}
hoist_owners() {
hoist_o=$1; hoist_g=$2; hoist_mine=
case $hoist_o in "$hoist_uid") hoist_o=;; root) [ "$hoist_uid" != 0 ] || hoist_o=;; esac
case $hoist_g in "") ;; "$hoist_gid") hoist_g=; hoist_mine=1;; root) [ "$hoist_gid" != 0 ] || { hoist_g=; hoist_mine=1; };; esac
}
hoist_begin() {
[ -d "$2" ] || hoist_fail "the directory \`$2\` does not exist"
[ ! -d "$1" ] || [ -h "$1" ] || hoist_fail "\`$1\` is a directory"
hoist_temp "$3" "$4"
hoist_m=$5; hoist_soft=; hoist_old=
if [ -e "$1" ] && { [ -z "$5" ] || [ -z "$6" ] || [ -z "$7" ]; } && ! { [ -n "$5" ] && [ -O "$1" ] && [ -G "$1" ]; }; then
hoist_old=$(LC_ALL=C stat -L -c '%a %u %g' -- "$1" 2>/dev/null)
fi
if [ -n "$hoist_old" ]; then
hoist_x=$hoist_old; [ -n "$hoist_m" ] || hoist_m=${hoist_x%% *}
hoist_x=${hoist_x#* }; [ -n "$6$7" ] || hoist_soft=1
hoist_owners "${6:-${hoist_x% *}}" "${7:-${hoist_x#* }}"
else hoist_owners "$6" "$7"
fi
if [ -n "$hoist_m" ]; then
if [ -n "$hoist_o$hoist_g" ]; then umask 077; else case $hoist_m in
644) umask 133; hoist_m=;; 600) umask 177; hoist_m=;; 640) umask 137; hoist_m=;; 664) umask 113; hoist_m=;; 666) umask 111; hoist_m=;; 444) umask 333; hoist_m=;; 400) umask 377; hoist_m=;; 440) umask 337; hoist_m=;;
*) umask 077;;
esac; fi; fi
}
hoist_chown() {
[ -z "$hoist_mine" ] || [ -G "$1" ] || hoist_g=$hoist_gid
if [ -n "$hoist_o$hoist_g" ]; then
if [ -n "$hoist_soft" ]; then chown -- "$hoist_o${hoist_g:+:$hoist_g}" "$1" 2>/dev/null || :
else chown -- "$hoist_o${hoist_g:+:$hoist_g}" "$1" || exit 1; fi
fi
}
hoist_attrs() {
hoist_chown "$hoist_t"
[ -z "$hoist_m" ] || chmod -- "$hoist_m" "$hoist_t" || exit 1
hoist_label=
if [ -e /sys/fs/selinux/enforce ]; then
if [ -e "$1" ]; then chcon --reference="$1" -- "$hoist_t" 2>/dev/null || hoist_label=1; else hoist_label=1; fi
fi
}
hoist_backup() {
if [ -e "$1" ]; then
hoist_x=$1.$$.$(date +%Y-%m-%d@%H:%M:%S)~
cp -p -- "$1" "$hoist_x" || exit 1
printf %s "$hoist_x"
fi
}
hoist_replace() {
if [ ! -d "$2" ]; then mv -f -- "$1" "$2"
elif [ -h "$2" ]; then mv -fT -- "$1" "$2" 2>/dev/null || { rm -f -- "$2" && mv -f -- "$1" "$2"; }
else hoist_fail "\`$2\` is a directory"; fi
}
hoist_land() {
if [ -z "$2" ]; then hoist_replace "$hoist_t" "$1" || exit 1
elif ! hoist_replace "$hoist_t" "$1" 2>/dev/null; then
set +C; cat <"$hoist_t" >"$1" || exit 1
rm -f -- "$hoist_t"
fi
trap - EXIT HUP INT TERM PIPE
[ -z "$hoist_label" ] || restorecon -- "$1" 2>/dev/null || :
}
hoist_mkdir() {
[ ! -d "$1" ] || return 0
mkdir ${2:+-m "$2"} -- "$1" || { [ -d "$1" ] || exit 1; }
hoist_soft=; hoist_owners "$3" "$4"; hoist_chown "$1"
[ -z "$2" ] || [ -z "$hoist_o$hoist_g" ] || chmod -- "$2" "$1" || exit 1
[ ! -e /sys/fs/selinux/enforce ] || restorecon -- "$1" 2>/dev/null || :
}
hoist_written() {
hoist_x=$(sha256sum <"$hoist_t") || exit 1
[ "${hoist_x%% *}" = "$1" ] || hoist_fail "the upload arrived incomplete or changed: sha256 ${hoist_x%% *} instead of $1"
}
"#;
