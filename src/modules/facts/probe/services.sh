LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin; export PATH
p() { printf '@@hoist:%s\n' "$1"; }
has() { command -v "$1" >/dev/null 2>&1; }
systemd=
if has systemctl; then
 for d in /run/systemd/system /dev/.run/systemd /dev/.systemd; do [ -e $d ] && systemd=1; done
fi
if [ -n "$systemd" ]; then
 p units
 systemctl list-units --no-pager --type service --all --plain --no-legend 2>/dev/null
 p unit-files
 systemctl list-unit-files --no-pager --type service --all --no-legend 2>/dev/null
 p names
 systemctl show -p Names -p ActiveState '*.service' 2>/dev/null
fi
if has service && ! has chkconfig && ! has rc-status; then
 if [ -n "$systemd" ]; then
  p initd
  if [ -e /etc/debian_version ]; then
   for f in /etc/init.d/*; do
    [ -f "$f" ] && [ -x "$f" ] && case ${f##*/} in functions|halt|killall|single|linuxconf|kudzu|skeleton|README|*.dpkg-*|*~) ;; *) echo "${f##*/}";; esac
   done
  fi
 else
  p sysv
  service --status-all 2>/dev/null
 fi
fi
if has chkconfig; then
 p chkconfig
 chkconfig --list 2>/dev/null | grep '[0-9]:o' | while read -r name levels; do
  service "$name" status >/dev/null 2>&1 </dev/null
  echo "$? $name $levels"
 done
elif has initctl; then
 p upstart
 initctl list 2>/dev/null
elif has rc-status && has rc-update; then
 p rc-update
 rc-update show -v 2>/dev/null
 p rc-status
 rc-status -a -s -m 2>/dev/null
fi
