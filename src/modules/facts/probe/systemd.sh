p systemd
[ -d /run/systemd/system ] && has systemctl && systemctl --version 2>/dev/null
