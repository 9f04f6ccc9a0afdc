// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of iova_bitmap
 *
 * The bitmap lies in user memory between guard words, and begins with random
 * bits.  The function under the walk reports random ranges, in and around its
 * window; a model sets the same bits one by one.  In the end user memory must
 * be the model, and the guards must be as they were.
 */
#include <kunit/test.h>
#include <linux/iova_bitmap.h>
#include <linux/mman.h>
#include <linux/overflow.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#define GUARD		0x5aa5c33c0ff01ee1ULL
/* Two windows and a bit of 32 KiB. */
#define MAX_WORDS	9000

/**
 * struct walk - one walk and its model
 * @test: whose
 * @rnd: source of the ranges
 * @iova: of bit 0
 * @last: end of the request
 * @page_size: bytes per bit
 * @nr_bits: bits that belong to the request
 * @want: the model: guard, words, guard
 * @next: where the next window must begin
 * @windows: seen
 * @fail_at: window in which to return -EIO, or 0
 */
struct walk {
	struct kunit *test;
	struct rnd_state rnd;
	unsigned long iova;
	unsigned long last;
	unsigned long page_size;
	unsigned long nr_bits;
	u64 *want;
	unsigned long next;
	unsigned int windows;
	unsigned int fail_at;
};

static u64 random_u64(struct rnd_state *rnd)
{
	return (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
}

static void model_set(struct walk *walk, unsigned long first,
		      unsigned long last)
{
	unsigned long bit;

	if (last < walk->iova || first > walk->last)
		return;
	first = max(first, walk->iova);
	last = min(last, walk->last);
	for (bit = (first - walk->iova) / walk->page_size;
	     bit <= (last - walk->iova) / walk->page_size; bit++)
		walk->want[1 + bit / 64] |= 1ULL << bit % 64;
}

/* Report @first..@last, of which only the window's part may be taken. */
static void report(struct walk *walk, struct iova_bitmap *bitmap,
		   unsigned long first, unsigned long last,
		   unsigned long window, unsigned long window_last)
{
	iova_bitmap_set(bitmap, first, last - first + 1);
	if (last < window || first > window_last)
		return;
	model_set(walk, max(first, window), min(last, window_last));
}

static int walk_window(struct iova_bitmap *bitmap, unsigned long iova,
		       size_t length, void *opaque)
{
	struct walk *walk = opaque;
	unsigned long window_last = iova + length - 1, a, b, most;
	unsigned int i;

	KUNIT_ASSERT_NE(walk->test, length, 0);
	KUNIT_EXPECT_EQ(walk->test, iova, walk->next);
	KUNIT_EXPECT_GE(walk->test, window_last, iova);
	KUNIT_EXPECT_LE(walk->test, window_last, walk->last);
	walk->next = window_last + 1;
	walk->windows++;

	report(walk, bitmap, iova, iova, iova, window_last);
	report(walk, bitmap, window_last, window_last, iova, window_last);
	if (check_mul_overflow(walk->page_size, 40UL, &most))
		most = ULONG_MAX;
	for (i = 0; i < 20; i++) {
		a = iova + random_u64(&walk->rnd) % length;
		b = min(random_u64(&walk->rnd) % most,
			ULONG_MAX - a);
		report(walk, bitmap, a, a + b, iova, window_last);
	}
	/* What is outside of the window is left out; nothing is nothing. */
	if (iova)
		report(walk, bitmap, 0, iova - 1, iova, window_last);
	if (window_last != ULONG_MAX)
		report(walk, bitmap, window_last + 1, ULONG_MAX, iova,
		       window_last);
	iova_bitmap_set(bitmap, iova, 0);
	return walk->windows == walk->fail_at ? -EIO : 0;
}

static u64 __user *user_alloc(struct kunit *test)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, (MAX_WORDS + 2) * sizeof(u64),
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_LT(test, addr, (unsigned long)TASK_SIZE);
	return (u64 __user *)addr;
}

/* Random bits in all words, guards around them; in user memory and model. */
static void walk_prepare(struct walk *walk, u64 __user *user)
{
	unsigned long nr_words = DIV_ROUND_UP(walk->nr_bits, 64), i;

	KUNIT_ASSERT_LE(walk->test, nr_words, MAX_WORDS);
	for (i = 1; i <= nr_words; i++) {
		/* One bit in eight. */
		walk->want[i] = random_u64(&walk->rnd);
		walk->want[i] &= random_u64(&walk->rnd);
		walk->want[i] &= random_u64(&walk->rnd);
	}
	walk->want[0] = GUARD;
	walk->want[nr_words + 1] = GUARD;
	KUNIT_ASSERT_EQ(walk->test, 0,
			copy_to_user(user, walk->want,
				     (nr_words + 2) * sizeof(u64)));
	walk->next = walk->iova;
	walk->windows = 0;
}

static void walk_compare(struct walk *walk, u64 __user *user)
{
	unsigned long nr_words = DIV_ROUND_UP(walk->nr_bits, 64), i, bad = 0;
	u64 got;

	for (i = 0; i < nr_words + 2; i++) {
		KUNIT_ASSERT_EQ(walk->test, 0, get_user(got, user + i));
		if (got != walk->want[i] && !bad++)
			KUNIT_FAIL(walk->test,
				   "word %ld of %lu: %llx, not %llx (iova %lx last %lx page %lx)",
				   (long)i - 1, nr_words, got, walk->want[i],
				   walk->iova, walk->last, walk->page_size);
	}
}

static void walk_run(struct walk *walk, u64 __user *user, unsigned long iova,
		     size_t length, unsigned long page_size)
{
	struct iova_bitmap *bitmap;
	int ret;

	walk->iova = iova;
	walk->last = iova + length - 1;
	walk->page_size = page_size;
	walk->nr_bits = (length - 1) / page_size + 1;
	walk_prepare(walk, user);

	bitmap = iova_bitmap_alloc(iova, length, page_size, user + 1);
	KUNIT_ASSERT_FALSE(walk->test, IS_ERR(bitmap));
	ret = iova_bitmap_for_each(bitmap, walk, walk_window);
	/* Outside of a walk there is nowhere to put it. */
	iova_bitmap_set(bitmap, iova, length);
	iova_bitmap_free(bitmap);

	KUNIT_EXPECT_EQ(walk->test, ret, walk->fail_at ? -EIO : 0);
	if (walk->fail_at)
		KUNIT_EXPECT_EQ(walk->test, walk->windows, walk->fail_at);
	else
		KUNIT_EXPECT_EQ(walk->test, walk->next, walk->last + 1);
	walk_compare(walk, user);
}

static struct walk *walk_alloc(struct kunit *test)
{
	struct walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, walk);
	walk->test = test;
	walk->want = kunit_kcalloc(test, MAX_WORDS + 2, sizeof(u64),
				   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, walk->want);
	prandom_seed_state(&walk->rnd, 20260801);
	return walk;
}

static void random_walks_match_the_model(struct kunit *test)
{
	static const unsigned long sizes[] = { SZ_4K, SZ_8K, SZ_64K, SZ_2M,
					       SZ_1G };
	struct walk *walk = walk_alloc(test);
	u64 __user *user = user_alloc(test);
	unsigned long page_size, iova, nr;
	size_t length;
	unsigned int i;

	for (i = 0; i < 60; i++) {
		page_size = sizes[i % ARRAY_SIZE(sizes)];
		iova = random_u64(&walk->rnd) >> 8;
		if (i & 1)
			iova &= ~(page_size - 1);
		nr = 1 + random_u64(&walk->rnd) %
		     (i % 10 ? 300 : MAX_WORDS * 64);
		length = nr * page_size;
		if (i & 2)
			length -= random_u64(&walk->rnd) % page_size;
		walk_run(walk, user, iova, length, page_size);
	}
}

static void walk_of_more_windows_tiles_the_request(struct kunit *test)
{
	struct walk *walk = walk_alloc(test);
	u64 __user *user = user_alloc(test);

	walk_run(walk, user, SZ_1G, MAX_WORDS * 64UL * SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, walk->windows, 3);
	/* One bit more than a window. */
	walk_run(walk, user, 0x800, (32768 * 8 + 1UL) * SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, walk->windows, 2);
}

/*
 * 64 pages from the middle of one are 64 bits.  A walk that rounds its start
 * down needs a 65th, and writes behind what user space has brought.
 */
static void unaligned_start_stays_in_the_bitmap(struct kunit *test)
{
	struct walk *walk = walk_alloc(test);
	u64 __user *user = user_alloc(test);
	unsigned long off;

	for (off = 1; off < SZ_4K; off += 511)
		walk_run(walk, user, SZ_1M + off, 64 * SZ_4K, SZ_4K);
}

static void end_of_the_address_space_is_reached(struct kunit *test)
{
	struct walk *walk = walk_alloc(test);
	u64 __user *user = user_alloc(test);
	unsigned int nr;

	for (nr = 1; nr < 200; nr += 13)
		walk_run(walk, user, 0UL - nr * SZ_4K, nr * SZ_4K, SZ_4K);
	walk_run(walk, user, ULONG_MAX, 1, SZ_4K);
	walk_run(walk, user, 0UL - 1000 * SZ_2M + 77, 1000 * SZ_2M - 77,
		 SZ_2M);
}

/* Bits times page size is 2^64 here: no length may come out as 0. */
static void largest_pages_do_not_wrap(struct kunit *test)
{
	struct walk *walk = walk_alloc(test);
	u64 __user *user = user_alloc(test);

	walk_run(walk, user, 0, ULONG_MAX, 1UL << 63);
	walk_run(walk, user, 1, ULONG_MAX, 1UL << 63);
	walk_run(walk, user, 0, ULONG_MAX, 1UL << 46);
}

/* What the function reported before it failed is forgotten by its device. */
static void bits_before_an_error_are_delivered(struct kunit *test)
{
	struct walk *walk = walk_alloc(test);
	u64 __user *user = user_alloc(test);

	for (walk->fail_at = 1; walk->fail_at <= 3; walk->fail_at++)
		walk_run(walk, user, 0, MAX_WORDS * 64UL * SZ_4K, SZ_4K);
}

static void bad_requests_are_refused(struct kunit *test)
{
	u64 __user *user = (u64 __user *)SZ_4K;

	KUNIT_EXPECT_EQ(test, PTR_ERR(iova_bitmap_alloc(0, 0, SZ_4K, user)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(iova_bitmap_alloc(0, 1, 0, user)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(iova_bitmap_alloc(0, 1, 4097, user)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(iova_bitmap_alloc(SZ_4K, 0UL - SZ_4K + 1,
							SZ_4K, user)),
			-EOVERFLOW);
}

/* The device's log is not touched for a bitmap that cannot be written. */
static void unwritable_bitmap_is_found_first(struct kunit *test)
{
	struct walk *walk = walk_alloc(test);
	struct iova_bitmap *bitmap;
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_NONE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	bitmap = iova_bitmap_alloc(0, 64 * SZ_4K, SZ_4K, (u64 __user *)addr);
	KUNIT_ASSERT_FALSE(test, IS_ERR(bitmap));
	KUNIT_EXPECT_EQ(test, -EFAULT,
			iova_bitmap_for_each(bitmap, walk, walk_window));
	KUNIT_EXPECT_EQ(test, walk->windows, 0);
	iova_bitmap_free(bitmap);
}

static struct kunit_case iova_bitmap_cases[] = {
	KUNIT_CASE(random_walks_match_the_model),
	KUNIT_CASE(walk_of_more_windows_tiles_the_request),
	KUNIT_CASE(unaligned_start_stays_in_the_bitmap),
	KUNIT_CASE(end_of_the_address_space_is_reached),
	KUNIT_CASE(largest_pages_do_not_wrap),
	KUNIT_CASE(bits_before_an_error_are_delivered),
	KUNIT_CASE(bad_requests_are_refused),
	KUNIT_CASE(unwritable_bitmap_is_found_first),
	{}
};

static struct kunit_suite iova_bitmap_suite = {
	.name = "vfio_iova_bitmap",
	.test_cases = iova_bitmap_cases,
};

kunit_test_suite(iova_bitmap_suite);

MODULE_DESCRIPTION("KUnit tests of iova_bitmap");
MODULE_LICENSE("GPL");
