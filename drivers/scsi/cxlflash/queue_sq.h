/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Submission queues, as who submits sees them: pure arithmetic
 *
 * Requests are numbered from 0 as they are put into the ring, and the engine
 * takes them in that order.  It takes a copy of each, once, so a place may be
 * written again as soon as its request was taken; no head has to be read to
 * know that, as the ring has more places than there are requests in flight, and
 * what was not taken is in flight.  Statuses are elsewhere, by tag.
 */
#ifndef CXLFLASH_QUEUE_SQ_H
#define CXLFLASH_QUEUE_SQ_H

#include <linux/types.h>

/* More than requests in flight. */
#define SQ_NR_PLACES	256

/* Where request @nr is put. */
static inline unsigned int sq_place(u64 nr)
{
	return nr % SQ_NR_PLACES;
}

/*
 * The tail went from @old to @new, then @event was read: does the engine want
 * to be rung?
 */
static inline bool sq_must_ring(u64 event, u64 old, u64 new)
{
	return event - old < new - old;
}

#endif /* CXLFLASH_QUEUE_SQ_H */
