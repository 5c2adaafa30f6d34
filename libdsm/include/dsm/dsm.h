/**
 * @file dsm.h
 * The C interface of libdsm: one shared address space for all ranks of an MPI job.
 *
 * Conventions, as pthread's: functions return 0 or an errno code and leave errno alone; functions that return a
 * pointer return NULL and set errno. Unless a function says otherwise it may be called by any thread of any rank
 * between dsm_init() and dsm_finalize(); called outside that span it returns EPERM (or NULL with errno EPERM).
 * "Collective" means: every rank calls it, in the same order relative to other collective calls, with equal arguments.
 * Sizes are in bytes, times in seconds unless a name says otherwise.
 */
#ifndef DSM_DSM_H
#define DSM_DSM_H

#include <dsm/access.h>
#include <dsm/api.h>
#include <dsm/atomic.h>
#include <dsm/barrier.h>
#include <dsm/bind.h>
#include <dsm/condition.h>
#include <dsm/fence.h>
#include <dsm/io.h>
#include <dsm/latch.h>
#include <dsm/life.h>
#include <dsm/memory.h>
#include <dsm/mutex.h>
#include <dsm/names.h>
#include <dsm/once.h>
#include <dsm/rwlock.h>
#include <dsm/semaphore.h>
#include <dsm/statistics.h>

#endif /* DSM_DSM_H */
