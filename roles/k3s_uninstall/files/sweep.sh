#!/bin/sh
# Removes what K3s leaves running, mounted and filtered after its service has stopped. Prints a line for everything it
# removed, and nothing when there was nothing. Usage: sweep.sh DATA_DIR
set -u
PATH=$PATH:/usr/sbin:/sbin
data=$1

# Pods outlive the service: their shims are children of nobody. First asked, then made to go.
shims() {
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
            "$data"/data/*/bin/containerd-shim*) pid=${exe%/exe}; printf '%s\n' "${pid#/proc/}" ;;
        esac
    done
}
children() {
    for pid in "$@"; do
        printf '%s\n' "$pid"
        # shellcheck disable=SC2046 # a list of numbers
        [ -r "/proc/$pid/task/$pid/children" ] && children $(cat "/proc/$pid/task/$pid/children")
    done
}
# shellcheck disable=SC2046
set -- $(children $(shims))
if [ $# -gt 0 ]; then
    kill "$@" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        alive=
        for pid in "$@"; do [ -d "/proc/$pid" ] && alive="$alive $pid"; done
        [ -n "$alive" ] || break
        sleep 1
    done
    # shellcheck disable=SC2086
    [ -z "$alive" ] || kill -9 $alive 2>/dev/null
    echo "processes: $*"
fi

# Mounts, the innermost first.
for below in /run/k3s "$data" /var/lib/kubelet/pods /var/lib/kubelet/plugins /run/netns/cni-; do
    awk -v below="$below" '{ at = $2; gsub(/\\040/, " ", at) }
        at != below && index(at, below) == 1 && (below ~ /-$/ || substr(at, length(below) + 1, 1) == "/") { print at }' /proc/self/mounts |
        sort -r | while IFS= read -r at; do
            if umount "$at" 2>/dev/null || umount -l "$at"; then echo "mount: $at"; fi
        done
done
for name in /run/netns/cni-*; do
    [ -e "$name" ] && ip netns delete "${name##*/}" 2>/dev/null && echo "namespace: ${name##*/}"
done

# Interfaces.
if command -v ip >/dev/null 2>&1; then
    ip -o link show master cni0 2>/dev/null | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | while IFS= read -r link; do
        ip link delete "$link" 2>/dev/null && echo "interface: $link"
    done
    for link in cni0 flannel.1 flannel-v6.1 kube-ipvs0 flannel-wg flannel-wg-v6; do
        [ -d "/sys/class/net/$link" ] && ip link delete "$link" 2>/dev/null && echo "interface: $link"
    done
fi

# Rules of kube-proxy, of the CNI plugins and of flannel. Others stay.
for tool in iptables ip6tables; do
    command -v $tool-save >/dev/null 2>&1 && command -v $tool-restore >/dev/null 2>&1 || continue
    rules=$($tool-save 2>/dev/null) || continue
    kept=$(printf '%s\n' "$rules" | grep -v -e KUBE- -e CNI- -e flannel)
    if [ "$rules" != "$kept" ]; then
        count=$(printf '%s\n' "$rules" | grep -c -e KUBE- -e CNI- -e flannel)
        printf '%s\n' "$kept" | $tool-restore && echo "$tool: $count rules"
    fi
done
exit 0
