# What `hoist doctor` asks of a host. It changes nothing; every line it prints is KEY=VALUE.
PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin
say() { printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ')"; }
first() { cat "$1" 2>/dev/null | head -n 1; }

say user "$(id -un)"
say arch "$(uname -m)"
say kernel "$(uname -r)"
say os "$(. /etc/os-release 2>/dev/null && printf '%s' "$PRETTY_NAME")"
say hostname "$(uname -n)"
[ -d /run/systemd/system ] && say systemd yes
say cgroup "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)"
say controllers "$(first /sys/fs/cgroup/cgroup.controllers)"
say memory_kb "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
say swap_kb "$(sed -n 's/^SwapTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
say processors "$(getconf _NPROCESSORS_ONLN 2>/dev/null || nproc)"
folder=/var/lib/rancher/k3s
while [ ! -d "$folder" ]; do folder=${folder%/*}; [ -n "$folder" ] || folder=/; done
say disk_free_kb "$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')"
say container "$(tr '\0' '\n' </proc/1/environ 2>/dev/null | sed -n 's/^container=//p'; cat /run/systemd/container 2>/dev/null)"
[ -f /.dockerenv ] && say container docker

# Modules: loaded, built in, or there to be loaded.
lib=/lib/modules/$(uname -r)
for module in overlay br_netfilter vxlan nf_conntrack; do
    if [ -d /sys/module/$module ] || grep -q "/$module\.ko" "$lib/modules.builtin" "$lib/modules.dep" 2>/dev/null
    then say "module_$module" yes
    elif [ -r "$lib/modules.dep" ] || [ -r "$lib/modules.builtin" ]; then say "module_$module" no
    fi
done

# Ports that something listens on, from the kernel's tables: hexadecimal, state 0A is listening.
listening() { # TABLE… ; prints decimal ports
    awk -v want="$1" 'FNR > 1 && (want == "udp" || $4 == "0A") { n = split($2, a, ":"); print a[n] }' \
        /proc/net/$1 /proc/net/${1}6 2>/dev/null | sort -u | while read -r hex; do printf '%d ' "0x$hex"; done
}
say tcp "$(listening tcp)"
say udp "$(listening udp)"
for unit in k3s k3s-agent; do
    state=$(systemctl is-active $unit 2>/dev/null)
    [ "$state" = active ] || [ "$state" = activating ] && say k3s "$unit"
done
say k3s_version "$(/usr/local/bin/k3s --version 2>/dev/null | sed -n '1s/^k3s version \([^ ]*\).*/\1/p')"
for other in kubelet containerd docker rke2-server rke2-agent microk8s; do
    [ "$(systemctl is-active $other 2>/dev/null)" = active ] && say other "$other"
done

# Firewalls that are on.
firewall=
[ "$(systemctl is-active ufw 2>/dev/null)" = active ] && grep -q '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null && firewall=ufw
[ "$(systemctl is-active firewalld 2>/dev/null)" = active ] && firewall=firewalld
say firewall "$firewall"

say route "$(awk '$2 == "00000000" && $8 == "00000000" { print $1; exit }' /proc/net/route 2>/dev/null)"
say route6 "$(awk '$1 == "00000000000000000000000000000000" && $2 == "00" && $10 != "lo" { print $10; exit }' /proc/net/ipv6_route 2>/dev/null)"
say nameservers "$(sed -n 's/^nameserver[[:blank:]]*//p' /etc/resolv.conf 2>/dev/null)"
[ -e /run/systemd/resolve/resolv.conf ] && say resolved yes
say own_name "$(getent hosts "$(uname -n)" 2>/dev/null | awk '{ print $1; exit }')"
if command -v timeout >/dev/null 2>&1; then
    timeout 3 getent hosts github.com >/dev/null 2>&1 && say internet_name yes || say internet_name no
fi
say synchronized "$(timedatectl show --property=NTPSynchronized --value 2>/dev/null)"

# Display controllers and accelerators, by the vendor that made them (PCI classes 03 and 12).
for device in /sys/bus/pci/devices/*; do
    class=$(first "$device/class")
    case $class in 0x03* | 0x12*) ;; *) continue ;; esac
    case $(first "$device/vendor") in
        0x10de) say gpu "NVIDIA $(first "$device/device")" ;;
        0x1002) say gpu "AMD $(first "$device/device")" ;;
        0x8086) [ "${class#0x12}" != "$class" ] && say gpu "Intel $(first "$device/device")" ;;
    esac
done
# last, so that what took time above does not count
say epoch "$(date -u +%s)"
