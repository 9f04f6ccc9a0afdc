// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of capability chains
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/vfio.h>

/* Walk a chain from @offset; count it, and check that it is well formed. */
static unsigned int chain_walk(struct kunit *test, struct vfio_info_cap *caps,
			       size_t offset)
{
	struct vfio_info_cap_header *header = caps->buf;
	size_t at = offset, next;
	unsigned int nr = 1;

	while (header->next) {
		next = header->next;
		KUNIT_ASSERT_TRUE(test, IS_ALIGNED(next, 8));
		KUNIT_ASSERT_GE(test, next, at + sizeof(*header));
		KUNIT_ASSERT_LE(test, next + sizeof(*header),
				offset + caps->size);
		at = next;
		header = (void *)caps->buf + at - offset;
		nr++;
	}
	return nr;
}

static void caps_append(struct kunit *test, struct vfio_info_cap *caps,
			size_t size)
{
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(caps, size, 1, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(header));
}

static void chain_of_any_sizes_is_well_formed(struct kunit *test)
{
	struct vfio_info_cap caps = {};
	struct vfio_info_cap_header *header;
	size_t size, i, want = 0;
	unsigned int nr = 0;

	for (size = sizeof(*header); size < 100; size += 3) {
		header = vfio_info_cap_add(&caps, size, nr + 7, nr + 1);
		KUNIT_ASSERT_FALSE(test, IS_ERR(header));
		KUNIT_EXPECT_PTR_EQ(test, (void *)header,
				    (void *)caps.buf + want);
		for (i = sizeof(*header); i < ALIGN(size, 8); i++)
			KUNIT_EXPECT_EQ(test, ((u8 *)header)[i], 0);
		memset(header + 1, 0xff, size - sizeof(*header));
		want += ALIGN(size, 8);
		nr++;
		KUNIT_EXPECT_EQ(test, caps.size, want);
		KUNIT_EXPECT_EQ(test, chain_walk(test, &caps, 0), nr);
	}

	header = caps.buf;
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, header->id, i + 7);
		KUNIT_EXPECT_EQ(test, header->version, i + 1);
		header = (void *)caps.buf + header->next;
	}
	kfree(caps.buf);
}

static void shift_moves_every_offset(struct kunit *test)
{
	struct vfio_info_cap caps = {};
	unsigned int i, nr;
	size_t offset;

	for (nr = 1; nr < 6; nr++) {
		for (offset = 0; offset <= 64; offset += 8) {
			caps.buf = NULL;
			caps.size = 0;
			for (i = 0; i < nr; i++)
				caps_append(test, &caps, 9 + 8 * i);
			vfio_info_cap_shift(&caps, offset);
			KUNIT_EXPECT_EQ(test, chain_walk(test, &caps, offset),
					nr);
			kfree(caps.buf);
		}
	}
}

static void shift_of_an_empty_chain_does_nothing(struct kunit *test)
{
	struct vfio_info_cap caps = {};

	vfio_info_cap_shift(&caps, 8);
	KUNIT_EXPECT_NULL(test, caps.buf);
}

static void added_capability_is_a_copy(struct kunit *test)
{
	struct {
		struct vfio_info_cap_header header;
		u8 body[13];
	} cap = {
		.header = { .id = 3, .version = 2, .next = 0x1234 },
	};
	struct vfio_info_cap_header *second;
	struct vfio_info_cap caps = {};
	size_t size = sizeof(cap.header) + sizeof(cap.body);

	memset(cap.body, 0xa5, sizeof(cap.body));
	KUNIT_ASSERT_EQ(test, 0, vfio_info_add_capability(&caps, &cap.header,
							  size));
	KUNIT_ASSERT_EQ(test, 0, vfio_info_add_capability(&caps, &cap.header,
							  size));
	/* "next" is the chain's, not the caller's. */
	KUNIT_ASSERT_EQ(test, chain_walk(test, &caps, 0), 2);
	second = (void *)caps.buf + caps.buf->next;
	KUNIT_EXPECT_EQ(test, second->next, 0);
	KUNIT_EXPECT_EQ(test, second->id, 3);
	KUNIT_EXPECT_EQ(test, second->version, 2);
	KUNIT_EXPECT_MEMEQ(test, second + 1, cap.body, sizeof(cap.body));
	kfree(caps.buf);
}

static struct kunit_case caps_cases[] = {
	KUNIT_CASE(chain_of_any_sizes_is_well_formed),
	KUNIT_CASE(shift_moves_every_offset),
	KUNIT_CASE(shift_of_an_empty_chain_does_nothing),
	KUNIT_CASE(added_capability_is_a_copy),
	{}
};

static struct kunit_suite caps_suite = {
	.name = "vfio_caps",
	.test_cases = caps_cases,
};

kunit_test_suite(caps_suite);

MODULE_DESCRIPTION("KUnit tests of VFIO capability chains");
MODULE_LICENSE("GPL");
