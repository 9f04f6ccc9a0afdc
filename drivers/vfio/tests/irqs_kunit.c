// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the validation of VFIO_DEVICE_SET_IRQS
 *
 * The code is compared with a model that lists the conditions one by one, in
 * 64-bit arithmetic where nothing wraps: over a grid of the values at which
 * something changes, and over random headers.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/vfio.h>

#define MINSZ	offsetofend(struct vfio_irq_set, count)

/* Bytes of data, or -1 for a header that is wrong. */
static s64 model(const struct vfio_irq_set *hdr, int num_irqs,
		 int max_irq_type, bool has_size)
{
	u64 start = hdr->start, count = hdr->count, argsz = hdr->argsz;
	u64 width;

	switch (hdr->flags & (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL |
			      VFIO_IRQ_SET_DATA_EVENTFD)) {
	case VFIO_IRQ_SET_DATA_NONE:
		width = 0;
		break;
	case VFIO_IRQ_SET_DATA_BOOL:
		width = 1;
		break;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		width = 4;
		break;
	default:
		return -1;
	}
	if (hdr->flags >> 6)
		return -1;
	if (argsz < MINSZ || (u64)hdr->index >= (u64)max_irq_type)
		return -1;
	if (start >= (u64)num_irqs || start + count > (u64)num_irqs)
		return -1;
	if (width && (argsz < MINSZ + count * width || !has_size))
		return -1;
	return count * width;
}

static void compare(struct kunit *test, struct vfio_irq_set *hdr, int num_irqs,
		    int max_irq_type, bool has_size)
{
	s64 want = model(hdr, num_irqs, max_irq_type, has_size);
	size_t size = 0xdead;
	int ret;

	ret = vfio_set_irqs_validate_and_prepare(hdr, num_irqs, max_irq_type,
						 has_size ? &size : NULL);
	/* The first mismatch will do: there may be a hundred thousand. */
	KUNIT_ASSERT_EQ_MSG(test, ret, want < 0 ? -EINVAL : 0,
			    "argsz %u flags %x index %u start %u count %u of %d",
			    hdr->argsz, hdr->flags, hdr->index, hdr->start,
			    hdr->count, num_irqs);
	if (has_size)
		KUNIT_ASSERT_EQ(test, size, want < 0 ? 0 : want);
}

static const u32 edges[] = { 0, 1, 2, 3, 15, 16, 17, 0x3fffffff, 0x40000000,
			     0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

/* All actions and data types, also none and several, for one geometry. */
static void compare_flags(struct kunit *test, struct vfio_irq_set *hdr,
			  int num_irqs)
{
	for (hdr->flags = 0; hdr->flags < 128; hdr->flags++)
		compare(test, hdr, num_irqs, 1, true);
}

static void grid_is_as_the_model_says(struct kunit *test)
{
	static const int nums[] = { 0, 1, 3, 16, INT_MAX };
	const unsigned int n = ARRAY_SIZE(edges);
	struct vfio_irq_set hdr = {};
	unsigned int i;

	for (i = 0; i < n * n * n * ARRAY_SIZE(nums); i++) {
		hdr.start = edges[i % n];
		hdr.count = edges[i / n % n];
		/* The last edges wrap to a short argsz. */
		hdr.argsz = MINSZ + edges[i / n / n % n];
		compare_flags(test, &hdr, nums[i / n / n / n]);
	}
}

static void short_argsz_is_refused(struct kunit *test)
{
	struct vfio_irq_set hdr = {
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	};

	for (hdr.argsz = 0; hdr.argsz < MINSZ + 4; hdr.argsz++)
		compare(test, &hdr, 1, 1, true);
}

static void random_headers_are_as_the_model_says(struct kunit *test)
{
	struct vfio_irq_set hdr = {};
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 42);
	for (i = 0; i < 100000; i++) {
		bool small = prandom_u32_state(&rnd) & 1;
		u32 mask = small ? 31 : ~0U;

		hdr.argsz = prandom_u32_state(&rnd) & (small ? 127 : ~0U);
		hdr.flags = prandom_u32_state(&rnd) & (small ? 63 : ~0U);
		hdr.index = prandom_u32_state(&rnd) & (small ? 7 : ~0U);
		hdr.start = prandom_u32_state(&rnd) & mask;
		hdr.count = prandom_u32_state(&rnd) & mask;
		compare(test, &hdr, prandom_u32_state(&rnd) & 31, 5,
			prandom_u32_state(&rnd) & 7);
	}
}

static struct kunit_case irqs_cases[] = {
	KUNIT_CASE(grid_is_as_the_model_says),
	KUNIT_CASE(short_argsz_is_refused),
	KUNIT_CASE(random_headers_are_as_the_model_says),
	{}
};

static struct kunit_suite irqs_suite = {
	.name = "vfio_irqs",
	.test_cases = irqs_cases,
};

kunit_test_suite(irqs_suite);

MODULE_DESCRIPTION("KUnit tests of VFIO_DEVICE_SET_IRQS");
MODULE_LICENSE("GPL");
