# A peer that stops answering ends the job with a report; one that is only slow does not.
foreach(subject page lock barrier)
    failure_case(peer.stopped.${subject} BACKENDS RANKS 2 3 EXIT 72 ENV DSM_TIMEOUT=3 OUT "stops now"
                 NOT_OUT "still alive" SAY "waited [0-9.]+ s for ${subject}.*: rank [12] .node [12]. has not answered"
                 MAY_SAY "." RUN silent_peer stopped ${subject})
endforeach()
failure_case(peer.stopped.one_node RANKS 2 EXIT 72 ENV DSM_TIMEOUT=3 OUT "stops now" NOT_OUT "still alive"
             SAY "rank 1 .node 0. has not answered" MAY_SAY "." RUN silent_peer stopped barrier)
# Two ranks to a node: the stopped one may be asked for its rights by its neighbour, or for the page by another node.
foreach(fault userfaultfd mprotect)
    failure_case(peer.stopped.two_to_a_node.${fault} RANKS 4 EXIT 72 OUT "stops now" NOT_OUT "still alive"
                 ENV DSM_TIMEOUT=3 DSM_RANKS_PER_NODE=2 DSM_FAULT=${fault}
                 SAY "has not (answered|given up a page)" MAY_SAY "." RUN silent_peer stopped page)
endforeach()
foreach(progress poll event)
    failure_case(peer.stopped.${progress} RANKS 2 EXIT 72 ENV DSM_TIMEOUT=3 DSM_RANKS_PER_NODE=1
                 DSM_PROGRESS=${progress} OUT "stops now" NOT_OUT "still alive" SAY "rank 1 .node 1. has not answered"
                 MAY_SAY "." RUN silent_peer stopped page)
endforeach()
failure_case(peer.stopped.over_tcp RANKS 2 EXIT 72 ENV DSM_TIMEOUT=3 DSM_RANKS_PER_NODE=1 OPTIONS --mca btl tcp,self
             OUT "stops now" NOT_OUT "still alive" SAY "rank 1 .node 1. has not answered" MAY_SAY "."
             RUN silent_peer stopped lock)

foreach(patience held_long computes_long arrives_late)
    failure_case(peer.${patience} BACKENDS RANKS 2 3 ENV DSM_TIMEOUT=2 OUT "finished" RUN silent_peer ${patience})
    failure_case(peer.${patience}.one_node RANKS 2 ENV DSM_TIMEOUT=2 OUT "finished" RUN silent_peer ${patience})
endforeach()
failure_case(peer.never_times_out RANKS 2 ENV DSM_TIMEOUT=0 DSM_RANKS_PER_NODE=1 OUT "finished" RUN silent_peer
             held_long)
