// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SCSI host's half of a submission queue against the engine's half
 *
 * Here is a submitter that follows queue_sq.h, an engine that follows ring.h,
 * and a model that counts.  Steps are those between which either can be
 * interrupted; the barriers are not what is tested.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../../queue_sq.h"
#include "../ring.h"

#define SQ_START	0x10000ULL
#define SQ_INFLIGHT	128

/**
 * struct sq_model - both halves
 * @places: number of the request in each place
 * @shadow: words
 * @sq: what the engine knows
 * @nr: requests put
 * @told: of these, the engine was told of
 * @inflight: of these, not over
 * @asleep: the engine is
 * @rung: it has been, since it fell asleep
 */
struct sq_model {
	u64 places[SQ_NR_PLACES];
	struct sisl_shadow shadow;
	struct ring_sq sq;
	u64 nr;
	u64 told;
	unsigned int inflight;
	bool asleep;
	bool rung;
};

static u32 sq_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void sq_begin(struct kunit *test, struct sq_model *m)
{
	*m = (struct sq_model){ .asleep = true };
	KUNIT_ASSERT_TRUE(test, ring_sq_init(&m->sq, SQ_START, SQ_START +
					     (SQ_NR_PLACES - 1) * 64));
}

static void sq_tell(struct kunit *test, struct sq_model *m)
{
	bool ring;

	if (m->told == m->nr)
		return;
	m->shadow.tail = m->nr;
	ring = sq_must_ring(m->shadow.event, m->told, m->nr);
	m->told = m->nr;
	/* Ringing who is awake is what the index is there to save. */
	KUNIT_ASSERT_FALSE(test, ring && !m->asleep);
	m->rung |= ring;
}

static void sq_submit(struct kunit *test, struct sq_model *m, bool last)
{
	if (m->inflight < SQ_INFLIGHT) {
		m->inflight++;
		m->places[sq_place(m->nr)] = m->nr;
		m->nr++;
	}
	if (last)
		sq_tell(test, m);
}

/* Take some, in order, and what was put there. */
static void sq_take(struct kunit *test, struct sq_model *m, unsigned int max)
{
	u64 want, ea;

	KUNIT_ASSERT_TRUE(test, ring_sq_set_count(&m->sq, m->shadow.tail));
	while (max-- && ring_sq_pending(&m->sq)) {
		want = m->sq.fetched;
		ea = ring_sq_pop(&m->sq);
		KUNIT_ASSERT_EQ(test, m->places[(ea - SQ_START) / 64], want);
	}
}

static void sq_sleep(struct sq_model *m)
{
	u64 known = m->sq.fetched;

	if (m->asleep || ring_sq_pending(&m->sq))
		return;
	m->shadow.event = known;
	if (m->shadow.tail == known) {
		m->asleep = true;
		m->rung = false;
	} else {
		m->shadow.event = known - 1;
	}
}

static void sq_wake(struct kunit *test, struct sq_model *m)
{
	if (!m->asleep)
		return;
	/* The one thing that must not be: work, and nobody said so. */
	KUNIT_ASSERT_EQ(test, m->rung, m->shadow.tail != m->sq.fetched);
	if (!m->rung)
		return;
	m->asleep = false;
	sq_take(test, m, 0);
	m->shadow.event = m->sq.fetched + ring_sq_pending(&m->sq) - 1;
}

static void sq_steps(struct kunit *test, struct sq_model *m, u32 seed,
		     unsigned int steps)
{
	unsigned int left;

	while (steps--) {
		switch (sq_rand(&seed) % 6) {
		case 0:
		case 1:
			sq_submit(test, m, sq_rand(&seed) % 3);
			break;
		case 2:
			if (!m->asleep)
				sq_take(test, m, sq_rand(&seed) % 16);
			break;
		case 3:
			/* Some that were taken are over. */
			left = m->nr - m->sq.fetched;
			left += sq_rand(&seed) % (SQ_INFLIGHT + 1);
			m->inflight = min(m->inflight, left);
			break;
		case 4:
			if (sq_rand(&seed) % 2)
				sq_sleep(m);
			else
				sq_wake(test, m);
			break;
		case 5:
			sq_tell(test, m);
			break;
		}
	}
}

static void sq_loses_nothing_and_rings_sleepers_only(struct kunit *test)
{
	struct sq_model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u32 seed;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (seed = 1; seed <= 50; seed++) {
		sq_begin(test, m);
		sq_steps(test, m, seed * 2654435761U | 1, 3000);
		KUNIT_ASSERT_GT(test, m->nr, (u64)SQ_NR_PLACES);
	}
}

static void sq_first_request_rings(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, sq_must_ring(0, 0, 1));
	KUNIT_EXPECT_FALSE(test, sq_must_ring(0, 1, 2));
	KUNIT_EXPECT_TRUE(test, sq_must_ring(5, 3, 6));
	KUNIT_EXPECT_FALSE(test, sq_must_ring(6, 3, 6));
	/* An engine that knows of none and is awake: one less than none. */
	KUNIT_EXPECT_FALSE(test, sq_must_ring(~0ULL, 0, 1));
}

static struct kunit_case sq_cases[] = {
	KUNIT_CASE(sq_loses_nothing_and_rings_sleepers_only),
	KUNIT_CASE(sq_first_request_rings),
	{}
};

static struct kunit_suite sq_suite = {
	.name = "cxlflash_sq",
	.test_cases = sq_cases,
};

kunit_test_suite(sq_suite);

MODULE_DESCRIPTION("CXL flash: tests of the SCSI host's submission queues");
MODULE_LICENSE("GPL");
