// The parts of the allocation test. Each is called by every rank, in the same order.
#pragma once

/// Who is the home of which page, for every attribute of dsm_alloc(); bad attributes.
void test_homes_and_blocks();
/// Several threads of all ranks allocate, hand over and free at once.
void test_threads();
/// Blocks change their size where they are and move; usable sizes and statistics.
void test_resizing();
