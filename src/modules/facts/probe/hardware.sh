p files
grep -sH '' /proc/meminfo /sys/hypervisor/type /sys/devices/virtual/dmi/id/bios_* /sys/devices/virtual/dmi/id/board_* \
 /sys/devices/virtual/dmi/id/chassis_* /sys/devices/virtual/dmi/id/product_* /sys/devices/virtual/dmi/id/sys_vendor /proc/sysinfo \
 /sys/block/*/size /sys/block/*/removable /sys/block/*/device/vendor /sys/block/*/device/model /sys/block/*/device/serial \
 /sys/block/*/device/sas_address /sys/block/*/device/sas_device_handle /sys/block/*/queue/rotational \
 /sys/block/*/queue/scheduler /sys/block/*/queue/logical_block_size /sys/block/*/queue/discard_granularity \
 /sys/block/*/queue/discard_max_hw_bytes /sys/block/*/*/start /sys/block/*/*/size /sys/block/dm-*/dm/name
p exists
for f in /sys/devices/virtual/dmi/id/product_name /proc/xen /proc/sysinfo; do [ -e "$f" ] && printf '%s\n' "$f"; done
p links
ls -ld /sys/block/* /sys/block/*/slaves/* /sys/block/*/holders/* /sys/block/*/*/holders/* \
 /dev/disk/by-id/* /dev/disk/by-uuid/* /dev/disk/by-label/* /dev/mapper/* 2>/dev/null
p mounts
# Only what has a device, and bind mounts (a root other than /): a host of containers has thousands of others.
m=$(grep -E '^([/\\]|[^ ]*:/)' /proc/mounts 2>/dev/null)
printf '%s\n' "$m"
p binds
grep -E '^[0-9]+ [0-9]+ [^ ]+ /[^ ]' /proc/self/mountinfo 2>/dev/null
p statfs
fmt='%S %s %b %a %c %d %n'
set -f
old=$IFS
IFS='
'
set --
for line in $m; do
 IFS=' '
 d=${line%% *}
 r=${line#* }
 t=${r%% *}
 IFS='
'
 case $t in *\\*) t=$(printf %b "$(printf %s "$t" | sed 's/\\/\\0/g')");; esac
 case $d in
 *:/*|//*|\\*) has timeout && timeout -s KILL "$hoist_timeout" stat -f -c "$fmt" "$t" 2>/dev/null & ;;
 *) set -- "$@" "$t";;
 esac
done
IFS=$old
set +f
[ $# -gt 0 ] && stat -f -c "$fmt" "$@" 2>/dev/null
wait
p lspci
case $(printf %s /sys/block/*/device/vendor /sys/block/nvme*) in */nvme[0-9]*|*/sd*) has lspci && lspci -D 2>/dev/null;; esac
p lvm
if has vgs; then
 echo present
 if [ "$v" = 0 ] && { [ -e /dev/mapper/control ] || [ -d /etc/lvm/backup ]; }; then
  o='--noheadings --nosuffix --units g --separator ,'
  for c in vgs lvs pvs; do has $c && $c $o 2>/dev/null | sed "s/^/$c/"; done
 fi
fi
