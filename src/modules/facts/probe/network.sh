p files
grep -sH '' /sys/class/net/*/address /sys/class/net/*/mtu /sys/class/net/*/operstate /sys/class/net/*/type \
 /sys/class/net/*/speed /sys/class/net/*/flags /sys/class/net/*/bridge/bridge_id /sys/class/net/*/bridge/stp_state \
 /sys/class/net/*/bonding/slaves /sys/class/net/*/bonding/mode /sys/class/net/*/bonding/miimon \
 /sys/class/net/*/bonding/lacp_rate /sys/class/net/*/bonding/primary /sys/class/net/*/bonding/all_slaves_active \
 /sys/class/net/*/bonding_slave/perm_hwaddr
p links
ls -ld /sys/class/net/* /sys/class/net/*/device /sys/class/net/*/device/driver/module /sys/class/net/*/brif/* \
 /sys/class/net/*/bonding 2>/dev/null
if has ip; then
 p ipaddr
 ip addr show 2>/dev/null
 p route4
 ip -4 route get 8.8.8.8 2>/dev/null
 p route6
 ip -6 route get 2404:6800:400a:800::1012 2>/dev/null
 p local4
 ip -4 route show table local 2>/dev/null
 p local6
 ip -6 route show table local 2>/dev/null
fi
