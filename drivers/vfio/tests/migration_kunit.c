// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the migration states and of the merging of IOVA ranges
 *
 * The table in migration.c is compared with what a search of the graph finds.
 * The graph is the list of arcs of <uapi/linux/vfio.h>; the rules of the
 * search are that file's too: the shortest way, with no saving state in its
 * interior, except on a way inside the saving group, which is one session of
 * data transfer.  Nothing leads from STOP_COPY to a PRE_COPY state.
 */
#include <kunit/test.h>
#include <linux/interval_tree.h>
#include <linux/prandom.h>
#include <linux/vfio.h>

#define S(name)		VFIO_DEVICE_STATE_ ## name
#define NR_STATES	VFIO_DEVICE_STATE_NR
#define ALL_FLAGS	(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | \
			 VFIO_MIGRATION_PRE_COPY)
#define FAR		100

static const u8 arcs[][2] = {
	{ S(RUNNING_P2P), S(STOP) },
	{ S(STOP_COPY), S(STOP) },
	{ S(RESUMING), S(STOP) },
	{ S(PRE_COPY), S(RUNNING) },
	{ S(RUNNING_P2P), S(RUNNING) },
	{ S(PRE_COPY_P2P), S(RUNNING_P2P) },
	{ S(RUNNING), S(RUNNING_P2P) },
	{ S(STOP), S(RUNNING_P2P) },
	{ S(RUNNING), S(PRE_COPY) },
	{ S(RUNNING_P2P), S(PRE_COPY_P2P) },
	{ S(STOP), S(STOP_COPY) },
	{ S(PRE_COPY), S(PRE_COPY_P2P) },
	{ S(PRE_COPY_P2P), S(PRE_COPY) },
	{ S(PRE_COPY_P2P), S(STOP_COPY) },
	{ S(STOP), S(RESUMING) },
};

static bool state_is_saving(unsigned int state)
{
	return state == S(PRE_COPY) || state == S(PRE_COPY_P2P) ||
	       state == S(STOP_COPY);
}

static bool arc_exists(unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arcs); i++)
		if (arcs[i][0] == from && arcs[i][1] == to)
			return true;
	return false;
}

/* Arcs from @from to @to, when @inside says whether saving states may be. */
static unsigned int way_length(unsigned int from, unsigned int to, bool inside)
{
	unsigned int length[NR_STATES], i, round;

	for (i = 0; i < NR_STATES; i++)
		length[i] = i == to ? 0 : FAR;
	for (round = 0; round < NR_STATES; round++) {
		for (i = 0; i < ARRAY_SIZE(arcs); i++) {
			unsigned int a = arcs[i][0], b = arcs[i][1];

			if (b != to && state_is_saving(b) && !inside)
				continue;
			length[a] = min(length[a], length[b] + 1);
		}
	}
	return length[from];
}

/* The first state on the way, or ERROR; there must be only one candidate. */
static unsigned int model_step(struct kunit *test, unsigned int from,
			       unsigned int to)
{
	bool inside = state_is_saving(from) && state_is_saving(to);
	unsigned int next, length, best = FAR, found = S(ERROR), nr = 0;

	if (from == to)
		return to;
	if (from == S(STOP_COPY) && inside)
		return S(ERROR);
	for (next = 0; next < NR_STATES; next++) {
		if (!arc_exists(from, next))
			continue;
		if (next != to && state_is_saving(next) && !inside)
			continue;
		length = way_length(next, to, inside);
		if (length < best) {
			best = length;
			found = next;
			nr = 0;
		}
		nr += length == best;
	}
	KUNIT_EXPECT_EQ_MSG(test, nr, best == FAR ? nr : 1,
			    "%u -> %u is ambiguous", from, to);
	return best >= FAR ? S(ERROR) : found;
}

static bool model_has(unsigned int flags, unsigned int state)
{
	bool pre = flags & VFIO_MIGRATION_PRE_COPY;
	bool p2p = flags & VFIO_MIGRATION_P2P;

	if (!(flags & VFIO_MIGRATION_STOP_COPY))
		return false;
	switch (state) {
	case S(STOP):
	case S(RUNNING):
	case S(STOP_COPY):
	case S(RESUMING):
		return true;
	case S(RUNNING_P2P):
		return p2p;
	case S(PRE_COPY):
		return pre;
	case S(PRE_COPY_P2P):
		return pre && p2p;
	default:
		return false;
	}
}

static unsigned int model_next(struct kunit *test, unsigned int flags,
			       unsigned int from, unsigned int to)
{
	unsigned int next;

	if (!model_has(flags, from) || !model_has(flags, to))
		return S(ERROR);
	next = model_step(test, from, to);
	while (next != S(ERROR) && !model_has(flags, next))
		next = model_step(test, next, to);
	return next;
}

static void every_step_is_the_models(struct kunit *test)
{
	struct vfio_device *device;
	enum vfio_device_mig_state next;
	unsigned int flags, from, to, want;
	int ret;

	device = kunit_kzalloc(test, sizeof(*device), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, device);
	for (flags = 0; flags <= ALL_FLAGS; flags++) {
		device->migration_flags = flags;
		for (from = 0; from < NR_STATES + 2; from++) {
			for (to = 0; to < NR_STATES + 2; to++) {
				want = model_next(test, flags, from, to);
				next = NR_STATES;
				ret = vfio_mig_get_next_state(device, from, to,
							      &next);
				KUNIT_EXPECT_EQ_MSG(test, (u32)next, want,
						    "flags %x: %u -> %u",
						    flags, from, to);
				KUNIT_EXPECT_EQ(test, ret, want == S(ERROR) ?
						-EINVAL : 0);
			}
		}
	}
}

static void absurd_states_are_refused(struct kunit *test)
{
	static const u32 absurd[] = { NR_STATES, 0x7fffffff, 0x80000000,
				      0xffffffff };
	enum vfio_device_mig_state next;
	struct vfio_device *device;
	unsigned int i;

	device = kunit_kzalloc(test, sizeof(*device), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, device);
	device->migration_flags = ALL_FLAGS;
	for (i = 0; i < ARRAY_SIZE(absurd); i++) {
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vfio_mig_get_next_state(device, S(RUNNING),
							absurd[i], &next));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				vfio_mig_get_next_state(device, absurd[i],
							S(RUNNING), &next));
	}
}

static void walk(struct kunit *test, struct vfio_device *device,
		 unsigned int from, unsigned int to)
{
	enum vfio_device_mig_state next;
	unsigned int at = from, steps;

	if (vfio_mig_get_next_state(device, from, to, &next))
		return;
	for (steps = 0; at != to && steps < NR_STATES; steps++) {
		KUNIT_ASSERT_EQ(test, 0,
				vfio_mig_get_next_state(device, at, to, &next));
		if (next != to && !state_is_saving(from))
			KUNIT_EXPECT_FALSE(test, state_is_saving(next));
		at = next;
	}
	KUNIT_EXPECT_EQ_MSG(test, at, to, "flags %x, from %u",
			    device->migration_flags, from);
}

/* Whoever follows the steps arrives, and opens no session on the way. */
static void every_walk_arrives(struct kunit *test)
{
	struct vfio_device *device;
	unsigned int flags, from, to;

	device = kunit_kzalloc(test, sizeof(*device), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, device);
	for (flags = 0; flags <= ALL_FLAGS; flags++) {
		device->migration_flags = flags;
		for (from = 0; from < NR_STATES; from++)
			for (to = 0; to < NR_STATES; to++)
				walk(test, device, from, to);
	}
}

/* ---- vfio_combine_iova_ranges() ---- */

#define MAX_RANGES	12

struct iova_range {
	unsigned long start;
	unsigned long last;
};

/* Merge the closest neighbours in a sorted array, the first of equals. */
static unsigned int model_combine(struct iova_range *r, unsigned int nr,
				  unsigned int want)
{
	unsigned int i, best;

	while (nr > want) {
		best = 0;
		for (i = 1; i + 1 < nr; i++)
			if (r[i + 1].start - r[i].last <
			    r[best + 1].start - r[best].last)
				best = i;
		r[best].last = r[best + 1].last;
		nr--;
		memmove(r + best + 1, r + best + 2,
			(nr - best - 1) * sizeof(*r));
	}
	return nr;
}

static void combine_and_compare(struct kunit *test, struct iova_range *r,
				unsigned int nr, unsigned int want)
{
	struct interval_tree_node nodes[MAX_RANGES], *node;
	struct rb_root_cached root = RB_ROOT_CACHED;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		nodes[i].start = r[i].start;
		nodes[i].last = r[i].last;
		interval_tree_insert(&nodes[i], &root);
	}
	vfio_combine_iova_ranges(&root, nr, want);
	nr = model_combine(r, nr, want);

	node = interval_tree_iter_first(&root, 0, ULONG_MAX);
	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_NOT_NULL(test, node);
		KUNIT_ASSERT_EQ(test, node->start, r[i].start);
		KUNIT_ASSERT_EQ(test, node->last, r[i].last);
		node = interval_tree_iter_next(node, 0, ULONG_MAX);
	}
	KUNIT_EXPECT_NULL(test, node);
}

static void ranges_merge_by_the_smallest_gap(struct kunit *test)
{
	struct iova_range r[MAX_RANGES];
	unsigned int round, nr, i;
	struct rnd_state rnd;
	unsigned long at;

	prandom_seed_state(&rnd, 4711);
	for (round = 0; round < 500; round++) {
		nr = 1 + prandom_u32_state(&rnd) % MAX_RANGES;
		for (i = 0, at = 0; i < nr; i++) {
			at += 1 + prandom_u32_state(&rnd) % 50;
			r[i].start = at;
			at += prandom_u32_state(&rnd) % 50;
			r[i].last = at;
		}
		combine_and_compare(test, r, nr,
				    1 + prandom_u32_state(&rnd) % MAX_RANGES);
	}
}

static void ranges_at_both_ends_merge(struct kunit *test)
{
	struct iova_range r[] = { { 0, 0 }, { ULONG_MAX, ULONG_MAX } };

	combine_and_compare(test, r, 2, 1);
}

static struct kunit_case migration_cases[] = {
	KUNIT_CASE(every_step_is_the_models),
	KUNIT_CASE(absurd_states_are_refused),
	KUNIT_CASE(every_walk_arrives),
	KUNIT_CASE(ranges_merge_by_the_smallest_gap),
	KUNIT_CASE(ranges_at_both_ends_merge),
	{}
};

static struct kunit_suite migration_suite = {
	.name = "vfio_migration",
	.test_cases = migration_cases,
};

kunit_test_suite(migration_suite);

MODULE_DESCRIPTION("KUnit tests of VFIO migration states");
MODULE_LICENSE("GPL");
