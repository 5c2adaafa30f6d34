# gdb and programs that use libdsm:  gdb -x .../share/dsm/dsm.gdb --args ./app   (or `source` it in a running gdb)
#
# Shared memory works by page faults: to a debugger they look like crashes. With this file gdb passes over them and
# stops where libdsm finds that a fault is the program's own. Needs no Python, and no debug information of libdsm.

handle SIGSEGV nostop noprint pass
handle SIGBUS nostop noprint pass

# The library may be loaded later, or be the shared one. Frames: dsm_real_fault, two of libdsm, the signal, the crash.
set breakpoint pending on
break dsm_real_fault
commands
  silent
  echo \nlibdsm: this fault is the program's own (`continue` lets it crash).\n
  dsm-crash
end
set breakpoint pending auto

define dsm-crash
  frame function dsm_real_fault
  up-silently
  up-silently
  up-silently
  frame
end
document dsm-crash
Selects the frame of the access that libdsm handed on, after a stop in dsm_real_fault.
end

define dsm-where
  set $dsm_words = (unsigned long *) &dsm_debug_segment
  if $dsm_words[0] == 0
    echo libdsm is not running\n
  else
    printf "shared memory: %#lx to %#lx, frames of this node: at %#lx\n", $dsm_words[0], $dsm_words[0] + $dsm_words[1], $dsm_words[2]
  end
end
document dsm-where
Prints where shared memory lies, and the second view of this node's frames.
end

define dsm-fetch
  set $dsm_byte = ((int (*)(const void *)) dsm_debug_read)((const void *) ($arg0))
end
document dsm-fetch
dsm-fetch ADDRESS: has the program read a byte there, so that the page comes to this node and can be printed. The other
ranks must be running, and the current thread must not be inside libdsm.
end

define dsm-x
  if $argc == 1
    set $dsm_count = 8
  else
    set $dsm_count = $arg1
  end
  set $dsm_words = (unsigned long *) &dsm_debug_segment
  set $dsm_from = (unsigned long) ($arg0) - $dsm_words[0]
  if $dsm_from >= $dsm_words[1]
    echo not an address in shared memory\n
  else
    set $dsm_view = $dsm_from + $dsm_words[2]
    eval "x/%dgx $dsm_view", $dsm_count
  end
end
document dsm-x
dsm-x ADDRESS [COUNT]: shows COUNT (8) words of shared memory as this node's frame has them, whether or not this process
may read the page. If the page is not at this node they are old or zero. $dsm_view is the address of the frame: cast it
to print objects, as in `print *(struct thing *) $dsm_view`. In a core file use the plain addresses.
end
