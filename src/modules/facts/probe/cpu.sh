# The flags of one CPU are enough; a host may have hundreds.
p cpuinfo
grep -E '^(processor|Processor|vendor_id|model name|cpu|Vendor|physical id|core id|cpu cores|siblings|# processors|max thread id|ncpus active|machine)[[:space:]]*:' /proc/cpuinfo 2>/dev/null
grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null
