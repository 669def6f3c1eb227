p files
grep -sH '' /proc/1/cgroup /run/systemd/container /proc/xen/capabilities /sys/devices/virtual/dmi/id/product_name \
 /sys/devices/virtual/dmi/id/sys_vendor /sys/devices/virtual/dmi/id/product_family /sys/devices/virtual/dmi/id/bios_vendor
p exists
for f in /proc/vz /proc/lve /proc/bc /.dockerenv /.dockerinit /proc/xen /rhev /dev/kvm \
 /sys/module/kvm/initstate /sys/module/vboxdrv/initstate /sys/module/virtio/initstate; do
 [ -e "$f" ] && printf '%s\n' "$f"
done
p environ1
{ tr '\0' '\n' </proc/1/environ | grep '^container='; } 2>/dev/null
