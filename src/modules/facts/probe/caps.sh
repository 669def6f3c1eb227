p caps
has capsh && capsh --print 2>/dev/null
