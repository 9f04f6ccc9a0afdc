/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings as SISlite has them: pure arithmetic, tested on the host
 *
 * None of these locks: who calls says what protects what.
 */
#ifndef CXLFLASH_AFU_RING_H
#define CXLFLASH_AFU_RING_H

#include <linux/cxlflash_sislite.h>

/**
 * struct ring_fifo - EAs stored to IOARRIN
 * @ea: the entries, @size of them
 * @size: CMD_ROOM
 * @head: index of the oldest
 * @nr: how many
 */
struct ring_fifo {
	u64 *ea;
	u32 size;
	u32 head;
	u32 nr;
};

static inline bool ring_fifo_push(struct ring_fifo *f, u64 ea)
{
	u32 tail;

	if (f->nr == f->size)
		return false;
	tail = f->head + f->nr;
	f->ea[tail >= f->size ? tail - f->size : tail] = ea;
	f->nr++;
	return true;
}

static inline bool ring_fifo_pop(struct ring_fifo *f, u64 *ea)
{
	if (!f->nr)
		return false;
	*ea = f->ea[f->head];
	f->head = f->head + 1 == f->size ? 0 : f->head + 1;
	f->nr--;
	return true;
}

/**
 * struct ring_sq - a submission queue: @nr slots of 64 bytes
 * @start: EA of the first slot
 * @nr: slots, at least 2; 0: not set up
 * @head: slot to fetch next
 * @tail: slot after the last one submitted; head == tail: empty
 * @fetched: slots fetched since set-up: what a shadow tail counts
 */
struct ring_sq {
	u64 start;
	u32 nr;
	u32 head;
	u32 tail;
	u64 fetched;
};

/* @last is the EA of the last slot, inclusive. */
static inline bool ring_sq_init(struct ring_sq *sq, u64 start, u64 last)
{
	*sq = (struct ring_sq){ };
	if ((start & 15) || last < start || (last - start) % 64 ||
	    (last - start) / 64 < 1 || (last - start) / 64 >= 1U << 20)
		return false;
	sq->start = start;
	sq->nr = (last - start) / 64 + 1;
	return true;
}

static inline u64 ring_sq_ea(const struct ring_sq *sq, u32 slot)
{
	return sq->start + (u64)slot * 64;
}

/* A store to sq_tail; false: not an address of a slot. */
static inline bool ring_sq_set_tail(struct ring_sq *sq, u64 ea)
{
	u64 off = ea - sq->start;

	if (!sq->nr || ea < sq->start || off % 64 || off / 64 >= sq->nr)
		return false;
	sq->tail = off / 64;
	return true;
}

static inline u32 ring_sq_pending(const struct ring_sq *sq)
{
	return sq->tail >= sq->head ? sq->tail - sq->head :
	       sq->nr - sq->head + sq->tail;
}

/* A shadow tail; false: more than fit, so it cannot be true. */
static inline bool ring_sq_set_count(struct ring_sq *sq, u64 count)
{
	u64 pending = count - sq->fetched;
	u32 tail;

	if (!sq->nr || pending >= sq->nr)
		return false;
	tail = sq->head + (u32)pending;
	sq->tail = tail >= sq->nr ? tail - sq->nr : tail;
	return true;
}

static inline u64 ring_sq_pop(struct ring_sq *sq)
{
	u64 ea = ring_sq_ea(sq, sq->head);

	sq->head = sq->head + 1 == sq->nr ? 0 : sq->head + 1;
	sq->fetched++;
	return ea;
}

/**
 * struct ring_rrq - where responses go
 * @start: EA of the first entry; 0 with @last 0: none
 * @last: EA of the last entry, inclusive
 * @cur: EA of the next
 * @toggle: of the next: 1 in the first pass
 */
struct ring_rrq {
	u64 start;
	u64 last;
	u64 cur;
	u64 toggle;
};

static inline bool ring_rrq_init(struct ring_rrq *rrq, u64 start, u64 last)
{
	*rrq = (struct ring_rrq){ };
	if (!start || (start & 7) || (last & 7) || last < start)
		return false;
	rrq->start = start;
	rrq->last = last;
	rrq->cur = start;
	rrq->toggle = SISL_RRQ_TOGGLE;
	return true;
}

static inline u64 ring_rrq_entry(const struct ring_rrq *rrq, u64 ea)
{
	return (ea & SISL_RRQ_EA_MASK) | rrq->toggle;
}

static inline void ring_rrq_advance(struct ring_rrq *rrq)
{
	if (rrq->cur == rrq->last) {
		rrq->cur = rrq->start;
		rrq->toggle ^= SISL_RRQ_TOGGLE;
	} else {
		rrq->cur += 8;
	}
}

/* @nr entries, none of them behind the last. */
static inline void ring_rrq_skip(struct ring_rrq *rrq, u32 nr)
{
	if (!nr)
		return;
	rrq->cur += (nr - 1) * 8ULL;
	ring_rrq_advance(rrq);
}

#endif /* CXLFLASH_AFU_RING_H */
