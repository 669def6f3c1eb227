# usage: switch.sh GATEWAY/PREFIX READY
# Runs in the lab's own network namespace and is what keeps it alive: the bridge, and the way out.
set -eu
ip link set lo up
ip link add br0 type bridge forward_delay 0 mcast_snooping 0
ip addr add "$1" dev br0
ip link set br0 up
echo 1 >/proc/sys/net/ipv4/ip_forward
nft -f - <<'END'
table ip hoist {
  chain out {
    type nat hook postrouting priority 100;
    oifname "tap0" masquerade
  }
}
END
: >"$2"
exec sleep infinity
