# Writes to release memory that nothing orders (DSM_CHECK_RACES). The program goes on.
set(checked DSM_MEMORY=release DSM_CHECK_RACES=1)
set(by_node "node [0-9] .rank [0-9]. in its interval [0-9]+")
set(hint "rank 0: race hint: 4 bytes at 0x[0-9a-f]+ .byte 64 of an allocation of [0-9]+. were written by ${by_node} ")
string(APPEND hint "and by ${by_node}, and nothing orders the two")
failure_case(race.home BACKENDS RANKS 2 4 ENV ${checked} SAY_ONCE "${hint}" OUT "finished" RUN race home)
failure_case(race.copies BACKENDS RANKS 3 4 ENV ${checked} SAY_ONCE "${hint}" OUT "finished" RUN race copies)
failure_case(race.none BACKENDS RANKS 2 4 ENV ${checked} OUT "finished" RUN race none)
failure_case(race.unchecked BACKENDS RANKS 2 ENV DSM_MEMORY=release OUT "finished" RUN race home)
failure_case(race.two_ranks_a_node RANKS 4 ENV ${checked} DSM_RANKS_PER_NODE=2 OUT "finished" RUN race none)
failure_case(race.two_ranks_a_node.home RANKS 4 ENV ${checked} DSM_RANKS_PER_NODE=2 OUT "finished"
             SAY_ONCE "by node [01] .ranks [02] to [13]. in its interval" RUN race home)
