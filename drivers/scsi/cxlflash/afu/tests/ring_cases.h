/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for the rings: each returns "" or what is wrong
 *
 * The models count everything from the beginning of time and never wrap; where
 * a ring is they find by division.
 */
#ifndef CXLFLASH_RING_CASES_H
#define CXLFLASH_RING_CASES_H

static u32 ring_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Each entry is its own number, so order and loss are seen at once. */
static const char *ring_case_fifo(u32 seed, unsigned int steps)
{
	u64 slots[37], pushed = 0, popped = 0, ea;
	struct ring_fifo f = { .ea = slots };
	bool ok;

	seed = seed * 2654435761U | 1;
	f.size = 1 + ring_rand(&seed) % 37;
	while (steps--) {
		if (ring_rand(&seed) % 2) {
			ok = ring_fifo_push(&f, pushed);
			if (ok != (pushed - popped < f.size))
				return "push at the limit";
			pushed += ok;
		} else {
			ok = ring_fifo_pop(&f, &ea);
			if (ok != (pushed != popped))
				return "pop of nothing";
			if (ok && ea != popped++)
				return "order";
		}
		if (f.nr != pushed - popped)
			return "how many";
	}
	return "";
}

/* A wrong tail is refused and changes nothing. */
static const char *ring_sq_try_bad(struct ring_sq *sq, u32 seed)
{
	struct ring_sq old = *sq;
	u64 most = sq->fetched + sq->nr - 1;

	if (ring_sq_set_tail(sq, sq->start - 64) ||
	    ring_sq_set_tail(sq, sq->start + 64ULL * sq->nr) ||
	    ring_sq_set_tail(sq, sq->start + 1 + seed % 63))
		return "a tail outside of the ring";
	if (ring_sq_set_count(sq, most + 1 + seed % 9) ||
	    ring_sq_set_count(sq, sq->fetched - 1 - seed % 9))
		return "a count that cannot be";
	return sq->tail == old.tail && sq->head == old.head ? "" : "changed";
}

static const char *ring_case_sq(u32 seed, unsigned int steps)
{
	u64 put = 0, got = 0, start, add;
	const char *wrong;
	struct ring_sq sq;
	bool by_count;
	u32 nr;

	seed = seed * 2654435761U | 1;
	nr = 2 + ring_rand(&seed) % 40;
	start = ((u64)ring_rand(&seed) << 32 | ring_rand(&seed)) & ~15ULL;
	by_count = ring_rand(&seed) % 2;
	if (start > ~0ULL - nr * 64ULL)
		start = 0;
	if (!ring_sq_init(&sq, start, start + (nr - 1) * 64ULL))
		return "a ring that is right";
	while (steps--) {
		if (ring_rand(&seed) % 3 == 0) {
			add = ring_rand(&seed) % (nr - (put - got));
			put += add;
			if (by_count ? !ring_sq_set_count(&sq, put) :
			    !ring_sq_set_tail(&sq, start + put % nr * 64))
				return "a tail that is right";
		} else if (ring_sq_pending(&sq)) {
			if (ring_sq_pop(&sq) != start + got++ % nr * 64)
				return "order";
		}
		if (ring_sq_pending(&sq) != put - got || sq.fetched != got)
			return "how many";
		wrong = ring_sq_try_bad(&sq, ring_rand(&seed));
		if (*wrong)
			return wrong;
	}
	return "";
}

static const char *ring_case_sq_settings(void)
{
	struct ring_sq sq;

	if (!ring_sq_init(&sq, 0x1000, 0x1040) || sq.nr != 2)
		return "two slots";
	if (ring_sq_init(&sq, 0x1000, 0x1000) || sq.nr)
		return "one slot";
	if (ring_sq_init(&sq, 0x1008, 0x1048))
		return "not aligned";
	if (ring_sq_init(&sq, 0x1000, 0x1050))
		return "a piece of a slot";
	if (ring_sq_init(&sq, 0x1000, 0xfc0))
		return "end before start";
	if (ring_sq_init(&sq, 0, 64ULL << 20))
		return "too many slots";
	if (!ring_sq_init(&sq, 0, (64ULL << 20) - 64))
		return "as many slots as may be";
	if (!ring_sq_init(&sq, ~0ULL << 12, ~0ULL << 6))
		return "the end of the space";
	sq = (struct ring_sq){ };
	if (ring_sq_set_tail(&sq, 0) || ring_sq_set_count(&sq, 0))
		return "a ring that is not there";
	return "";
}

/* Pass and place of every entry, for as many passes as steps make. */
static const char *ring_case_rrq(u32 seed, unsigned int steps)
{
	struct ring_rrq rrq;
	u64 start, ea, nr, run;
	u64 i;

	seed = seed * 2654435761U | 1;
	nr = 1 + ring_rand(&seed) % 50;
	start = (1 + (u64)ring_rand(&seed)) << 3;
	if (!ring_rrq_init(&rrq, start, start + (nr - 1) * 8))
		return "a ring that is right";
	for (i = 0; i < steps; i++) {
		ea = (u64)ring_rand(&seed) << 4;
		if (rrq.cur != start + i % nr * 8)
			return "place";
		if (ring_rrq_entry(&rrq, ea) != (ea | !(i / nr & 1)))
			return "entry";
		if (ring_rrq_entry(&rrq, ea | 0xf) != ring_rrq_entry(&rrq, ea))
			return "low bits";
		if (ring_rand(&seed) & 1) {
			ring_rrq_advance(&rrq);
			continue;
		}
		/* Several at once, up to the last. */
		run = ring_rand(&seed) % (nr - i % nr + 1);
		ring_rrq_skip(&rrq, run);
		i += run - 1;
	}
	return "";
}

static const char *ring_case_rrq_settings(void)
{
	struct ring_rrq rrq;

	if (ring_rrq_init(&rrq, 0, 0) || rrq.last)
		return "none";
	if (!ring_rrq_init(&rrq, 8, 8) || rrq.toggle != SISL_RRQ_TOGGLE)
		return "one entry";
	ring_rrq_advance(&rrq);
	if (rrq.cur != 8 || rrq.toggle)
		return "one entry wraps";
	if (ring_rrq_init(&rrq, 0x1004, 0x1008) ||
	    ring_rrq_init(&rrq, 0x1000, 0x100c))
		return "not aligned";
	if (ring_rrq_init(&rrq, 0x1008, 0x1000) || rrq.start)
		return "end before start";
	if (!ring_rrq_init(&rrq, ~0ULL << 4, ~0ULL << 3))
		return "the end of the space";
	ring_rrq_advance(&rrq);
	ring_rrq_advance(&rrq);
	if (rrq.cur != ~0ULL << 4 || rrq.toggle)
		return "wrap at the end of the space";
	return "";
}

#endif /* CXLFLASH_RING_CASES_H */
