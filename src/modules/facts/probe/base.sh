# What every fact but the expensive ones is made of. One grep prints all files, each line after its path.
p() { printf '@@hoist:%s\n' "$1"; }
has() { command -v "$1" >/dev/null 2>&1; }
p files
grep -sH '' /proc/sys/kernel/ostype /proc/sys/kernel/osrelease /proc/sys/kernel/version /proc/sys/kernel/hostname \
 /etc/machine-id /var/lib/dbus/machine-id /etc/hosts /etc/resolv.conf /proc/cmdline /proc/1/comm /proc/loadavg \
 /proc/self/status /proc/self/maps /proc/sys/crypto/fips_enabled /proc/uptime \
 /etc/altlinux-release /etc/oracle-release /etc/slackware-version /etc/centos-release /etc/redhat-release \
 /etc/vmware-release /etc/openwrt_release /etc/os-release /etc/system-release /etc/alpine-release /etc/arch-release \
 /etc/SuSE-release /etc/gentoo-release /etc/lsb-release /etc/sourcemage-release /usr/lib/os-release \
 /etc/coreos/update.conf /etc/debian_version /sys/fs/selinux/enforce /sys/fs/selinux/policyvers /etc/selinux/config \
 /etc/ssh/ssh_host_*_key.pub /etc/openssh/ssh_host_*_key.pub /etc/ssh_host_*_key.pub \
 /etc/iscsi/initiatorname.iscsi /etc/nvme/hostnqn /sys/class/fc_host/*/port_name
p exists
for f in /sys/kernel/security/apparmor /sys/fs/selinux/enforce /run/ostree-booted \
 /etc/vmware-release /etc/arch-release \
 /usr/bin/rpm /usr/bin/yum /usr/bin/dnf /usr/bin/microdnf /usr/bin/dnf-3 /usr/bin/dnf5 /usr/bin/apt-get /usr/bin/zypper \
 /usr/sbin/urpmi /usr/bin/pacman /bin/opkg /usr/pkg/bin/pkgin /opt/local/bin/pkgin /opt/tools/bin/pkgin \
 /opt/local/bin/port /usr/local/bin/brew /opt/homebrew/bin/brew /sbin/apk /usr/sbin/pkg /usr/sbin/swlist \
 /usr/bin/emerge /usr/sbin/pkgadd /usr/bin/pkg /usr/bin/xbps-install /usr/local/sbin/pkg /usr/bin/swupd \
 /usr/sbin/sorcery /usr/bin/installp /run/systemd/system /dev/.run/systemd /dev/.systemd /etc/init /sbin/openrc \
 /etc/init.d /etc/dinit.d; do
 [ -e "$f" ] && printf '%s\n' "$f"
done
for f in systemctl initctl; do has $f && printf 'bin:%s\n' $f; done
if [ -x /usr/bin/rpm ] && [ -x /usr/bin/apt-get ] && /usr/bin/rpm -q --whatprovides /usr/bin/apt-get >/dev/null 2>&1; then
 echo apt-get-from-rpm
fi
p links
ls -ld /usr/bin/dnf /usr/bin/microdnf /sbin/init /etc/products.d/baseproduct 2>/dev/null
p uname
uname -m
p date
date '+%s %z %Z %N'
case $(date +%Z) in UTC) ;; *)
 if [ -n "${TZ:-}" ] && [ -r "/usr/share/zoneinfo/${TZ#:}" ]; then tail -n 1 "/usr/share/zoneinfo/${TZ#:}"; else tail -n 1 /etc/localtime; fi;;
esac 2>/dev/null
p passwd
u=${LOGNAME:-${USER:-${LNAME:-${USERNAME:-}}}}
while read -r k v _; do case $k in Uid:) break;; esac; done </proc/self/status
if has getent; then getent passwd $u "$v"; else grep -E "^($u|[^:]*:[^:]*:$v):" /etc/passwd; fi 2>/dev/null
