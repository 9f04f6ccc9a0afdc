// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a LUN: enabled, frozen, revoked with I/O out, and again
 *
 * The store is an array that holds the begin of both copies of a slice table;
 * the rest reads as zero.  What is under test is included, with the table.
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <kunit/test.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/module.h>

/* The AFU exports these. */
#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(sym, ns)

#include "../chunk.c"
#include "../table_fmt.c"
#include "../table_io.c"
#include "../table.c"
#include "../table_slice.c"
#include "../lun.c"
#include "../lun_use.c"

#define TEST_AREA	SZ_64K
#define TEST_SIZE	(4 * SISL_CHUNK_BYTES)

static struct {
	struct afu_store st;
	u8 area[2][TEST_AREA];
	unsigned int nr_open;
	unsigned int nr_changed;
	int resize_error;
	bool killed_in_time;
} t;

/* What other files do. */

struct afu_store *store_open(const char *kind, const struct afu_store_params *p)
{
	if (strcmp(kind, "test"))
		return ERR_PTR(-EINVAL);
	t.st.size = p->size;
	t.st.block_size = p->block_size;
	t.st.write_cache = p->write_cache;
	t.nr_open++;
	return &t.st;
}

void store_close(struct afu_store *st)
{
	t.nr_open--;
}

int store_rw_sync(struct afu_store *st, enum afu_io_op op, u64 pos, void *buf,
		  u64 len, bool fua)
{
	u64 off = pos % TABLE_COPY_BYTES;
	u8 *at = t.area[pos / TABLE_COPY_BYTES] + off;

	if (pos >= 2 * TABLE_COPY_BYTES || off + len > TEST_AREA)
		return -EIO;
	if (op == AFU_IO_WRITE)
		memcpy(at, buf, len);
	else
		memcpy(buf, at, len);
	return 0;
}

int store_flush_sync(struct afu_store *st)
{
	return 0;
}

int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	return 0;
}

void adapter_lun_changed(struct cxlflash_lun *lun)
{
	t.nr_changed++;
}

/* Slices must not be opened any more, and commands still be let in. */
void slice_kill(struct cxlflash_lun *lun)
{
	t.killed_in_time = lun->gone && !percpu_ref_is_dying(&lun->io_ref);
}

static bool test_is_open(struct cxlflash_lun *lun, const uuid_t *uuid)
{
	return true;
}

static int test_resize(struct afu_store *st, u64 size)
{
	if (t.resize_error)
		return t.resize_error;
	st->size = size ?: TEST_SIZE;
	return 0;
}

static const struct afu_store_ops test_ops = {
	.name = "test",
	.resize = test_resize,
};

static const struct afu_store_params test_params = {
	.size = TEST_SIZE,
	.block_size = 4096,
	.write_cache = true,
};

static struct cxlflash_lun *test_lun(struct kunit *test)
{
	struct cxlflash_lun *lun = lun_create("test");

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, lun);
	return lun;
}

static struct cxlflash_lun *test_enabled_lun(struct kunit *test)
{
	struct cxlflash_lun *lun = test_lun(test);
	int ret = lun_enable(lun, "test", &test_params);

	if (ret)
		cxlflash_lun_put(lun);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return lun;
}

static void test_put(struct cxlflash_lun *lun)
{
	lun_disable(lun);
	cxlflash_lun_put(lun);
}

static void lun_wwid_is_parsed(struct kunit *test)
{
	const char *good = "60123456789abcdefFEDCBA987654321";
	struct cxlflash_lun *a = test_lun(test), *b = test_lun(test);
	u8 wwid[AFU_WWID_LEN] = { };

	KUNIT_EXPECT_EQ(test, lun_parse_wwid(good, wwid), 0);
	KUNIT_EXPECT_EQ(test, wwid[1], 0x12);
	KUNIT_EXPECT_EQ(test, wwid[15], 0x21);
	KUNIT_EXPECT_EQ(test, lun_parse_wwid("\n", wwid), -EINVAL);
	KUNIT_EXPECT_EQ(test, lun_parse_wwid("", wwid), -EINVAL);
	KUNIT_EXPECT_EQ(test, lun_parse_wwid(good + 1, wwid), -EINVAL);
	KUNIT_EXPECT_EQ(test, lun_parse_wwid(
		"50123456789abcdeffedcba987654321", wwid), -EINVAL);
	KUNIT_EXPECT_EQ(test, lun_parse_wwid(
		"60123456789abcdeffedcba98765432g", wwid), -EINVAL);
	KUNIT_EXPECT_EQ(test, a->wwid[0], 0x6f);
	KUNIT_EXPECT_EQ(test, a->wwid[1], 0x1a);
	KUNIT_EXPECT_EQ(test, a->wwid[2], 0x50);
	KUNIT_EXPECT_EQ(test, a->wwid[3] >> 4, 0);
	KUNIT_EXPECT_NE(test, memcmp(a->wwid, b->wwid, AFU_WWID_LEN), 0);
	cxlflash_lun_put(a);
	cxlflash_lun_put(b);
}

static void lun_is_enabled_once(struct kunit *test)
{
	struct cxlflash_lun *lun = test_lun(test), *twin = test_lun(test);
	struct afu_store_params empty = { .block_size = 4096 };

	KUNIT_EXPECT_FALSE(test, lun_tryget_io(lun));
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_PHYSICAL), -ENODEV);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, table_format(lun, true), -ENODEV);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "none", &test_params), -EINVAL);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &empty), -EINVAL);
	KUNIT_EXPECT_EQ(test, t.nr_open, 0);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), 0);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), -EBUSY);
	KUNIT_EXPECT_STREQ(test, lun_state_name(lun), "enabled");
	KUNIT_EXPECT_EQ(test, lun_nr_blocks(lun), TEST_SIZE >> 12);
	memcpy(twin->wwid, lun->wwid, AFU_WWID_LEN);
	KUNIT_EXPECT_EQ(test, lun_enable(twin, "test", &test_params), -EEXIST);
	KUNIT_EXPECT_EQ(test, t.nr_open, 1);
	KUNIT_EXPECT_TRUE(test, lun_tryget_io(lun));
	lun_put_io(lun);
	lun_disable(lun);
	lun_disable(lun);
	KUNIT_EXPECT_FALSE(test, lun_tryget_io(lun));
	KUNIT_EXPECT_TRUE(test, lun->gone);
	KUNIT_EXPECT_EQ(test, t.nr_open, 0);
	KUNIT_EXPECT_EQ(test, lun_enable(twin, "test", &test_params), 0);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), -EEXIST);
	test_put(twin);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), 0);
	KUNIT_EXPECT_EQ(test, lun->ua_code, 0x2900);
	test_put(lun);
	KUNIT_EXPECT_EQ(test, t.nr_open, 0);
}

static void lun_disable_does_not_wait_for_ever(struct kunit *test)
{
	struct cxlflash_lun *lun = test_enabled_lun(test);
	struct lun_obj *obj = to_lun_obj(lun);
	unsigned long start = jiffies;

	KUNIT_ASSERT_TRUE(test, lun_tryget_io(lun));
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_VIRTUAL), 0);
	lun_disable(lun);
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, start + 4 * LUN_GRACE));
	KUNIT_EXPECT_STREQ(test, lun_state_name(lun), "closing");
	KUNIT_EXPECT_EQ(test, t.nr_open, 1);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), -EBUSY);
	KUNIT_EXPECT_EQ(test, chunk_clear(lun, 1), -ENODEV);
	lun_put_io(lun);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&obj->closed, HZ), 0);
	KUNIT_EXPECT_STREQ(test, lun_state_name(lun), "disabled");
	KUNIT_EXPECT_EQ(test, t.nr_open, 0);
	/* A handle of its former life has chunks that mean nothing now. */
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), -EBUSY);
	KUNIT_EXPECT_NOT_NULL(test, lun->chunks);
	lun_use_put(lun);
	KUNIT_EXPECT_NULL(test, lun->chunks);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), 0);
	test_put(lun);
}

static void lun_use_is_whole_or_by_chunks(struct kunit *test)
{
	struct afu_store_params small = { .size = SZ_1M, .block_size = 4096 };
	struct cxlflash_lun *lun = test_enabled_lun(test);

	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_PHYSICAL), 0);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_PHYSICAL), 0);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_VIRTUAL), -EINVAL);
	KUNIT_EXPECT_EQ(test, table_format(lun, true), -EBUSY);
	lun_use_put(lun);
	lun_use_put(lun);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_VIRTUAL), 0);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_PHYSICAL), -EINVAL);
	KUNIT_EXPECT_EQ(test, chunk_map_free(lun->chunks), 4);
	lun_use_put(lun);
	KUNIT_EXPECT_NULL(test, lun->chunks);
	lun_disable(lun);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &small), 0);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_VIRTUAL), -ENOMEM);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_PHYSICAL), 0);
	lun_use_put(lun);
	test_put(lun);
}

static void lun_is_resized_live(struct kunit *test)
{
	struct cxlflash_lun *lun = test_enabled_lun(test);

	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, t.nr_changed, 0);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_VIRTUAL), 0);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, 2 * TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, t.nr_changed, 1);
	KUNIT_EXPECT_EQ(test, lun->ua_code, 0x2a09);
	KUNIT_EXPECT_EQ(test, lun_nr_blocks(lun), 2 * TEST_SIZE >> 12);
	KUNIT_EXPECT_EQ(test, chunk_map_free(lun->chunks), 8);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE), -EBUSY);
	lun_use_put(lun);
	t.resize_error = -ENOSPC;
	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE), -ENOSPC);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, 3 * TEST_SIZE), -ENOSPC);
	KUNIT_EXPECT_EQ(test, lun_nr_blocks(lun), 2 * TEST_SIZE >> 12);
	t.resize_error = 0;
	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, lun_nr_blocks(lun), TEST_SIZE >> 12);
	KUNIT_EXPECT_EQ(test, t.nr_changed, 2);
	KUNIT_EXPECT_TRUE(test, lun_tryget_io(lun));
	lun_put_io(lun);
	test_put(lun);
}

static void lun_is_read_only_live(struct kunit *test)
{
	struct afu_store_params p = test_params;
	struct cxlflash_lun *lun = test_enabled_lun(test);

	KUNIT_EXPECT_EQ(test, lun_set_read_only(lun, true), 0);
	KUNIT_EXPECT_TRUE(test, lun->read_only);
	KUNIT_EXPECT_EQ(test, lun->ua_code, 0x2a01);
	KUNIT_EXPECT_EQ(test, lun_set_read_only(lun, true), 0);
	KUNIT_EXPECT_EQ(test, t.nr_changed, 1);
	KUNIT_EXPECT_EQ(test, lun_set_read_only(lun, false), 0);
	lun_disable(lun);
	p.read_only = true;
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &p), 0);
	KUNIT_EXPECT_EQ(test, lun_set_read_only(lun, false), -EBUSY);
	KUNIT_EXPECT_EQ(test, table_format(lun, false), -EROFS);
	test_put(lun);
}

static void lun_is_formatted_when_idle(struct kunit *test)
{
	struct cxlflash_lun *lun = test_enabled_lun(test);

	KUNIT_EXPECT_EQ(test, table_activate(lun), -EINVAL);
	KUNIT_ASSERT_TRUE(test, lun_tryget_io(lun));
	KUNIT_EXPECT_EQ(test, table_format(lun, false), -EBUSY);
	KUNIT_EXPECT_FALSE(test, lun->formatted);
	/* It goes on as if nothing had been. */
	KUNIT_EXPECT_TRUE(test, lun_tryget_io(lun));
	lun_put_io(lun);
	lun_put_io(lun);
	KUNIT_EXPECT_EQ(test, table_format(lun, false), 0);
	KUNIT_EXPECT_TRUE(test, lun->formatted);
	KUNIT_EXPECT_EQ(test, lun_use_get(lun, LUN_PHYSICAL), -EBUSY);
	KUNIT_EXPECT_TRUE(test, lun_tryget_io(lun));
	lun_put_io(lun);
	test_put(lun);
}

static void lun_keeps_its_table(struct kunit *test)
{
	struct table_slice_info info = { .name = "a", .nr_blocks = 70000 };
	struct cxlflash_lun *lun = test_enabled_lun(test), *other;
	char *page = (char *)kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, page);
	uuid_gen(&info.uuid);
	KUNIT_EXPECT_EQ(test, table_show(lun, page, PAGE_SIZE, test_is_open),
			0);
	KUNIT_EXPECT_EQ(test, table_format(lun, false), 0);
	KUNIT_EXPECT_EQ(test, table_activate(lun), 0);
	KUNIT_EXPECT_EQ(test, table_activate(lun), -EBUSY);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE / 2), -EBUSY);
	KUNIT_EXPECT_EQ(test, lun_resize(lun, TEST_SIZE * 2), 0);
	KUNIT_EXPECT_EQ(test, chunk_map_free(lun->chunks), 7);
	KUNIT_EXPECT_EQ(test, table_slice_create(lun, &info), 0);
	len = table_show(lun, NULL, 0, test_is_open);
	KUNIT_EXPECT_GT(test, len, 36);
	KUNIT_EXPECT_EQ(test, table_show(lun, page, PAGE_SIZE, test_is_open),
			len);
	KUNIT_EXPECT_STREQ(test, page + 36, " a 286720000 2 2 open\n");
	/* Whole lines only. */
	KUNIT_EXPECT_EQ(test, table_show(lun, page, len - 1, test_is_open), 0);
	t.killed_in_time = false;
	lun_disable(lun);
	KUNIT_EXPECT_TRUE(test, t.killed_in_time);
	KUNIT_EXPECT_EQ(test, t.nr_open, 0);
	KUNIT_EXPECT_NULL(test, lun->table);
	KUNIT_EXPECT_NULL(test, lun->chunks);
	/* The store brings its WWID along. */
	other = test_enabled_lun(test);
	KUNIT_EXPECT_EQ(test, memcmp(lun->wwid, other->wwid, AFU_WWID_LEN), 0);
	KUNIT_EXPECT_EQ(test, lun_enable(lun, "test", &test_params), -EEXIST);
	KUNIT_EXPECT_EQ(test, table_format(other, false), -EEXIST);
	KUNIT_EXPECT_EQ(test, table_activate(other), 0);
	KUNIT_EXPECT_EQ(test, table_slice_find(other, &info.uuid, &info), 0);
	KUNIT_EXPECT_EQ(test, table_slice_delete(other, &info.uuid), 0);
	table_deactivate(other);
	KUNIT_EXPECT_EQ(test, table_format(other, false), 0);
	test_put(other);
	cxlflash_lun_put(lun);
}

static int lun_test_init(struct kunit *test)
{
	memset(&t, 0, sizeof(t));
	t.st.ops = &test_ops;
	return lun_init();
}

static void lun_test_exit(struct kunit *test)
{
	lun_exit();
}

static struct kunit_case lun_cases[] = {
	KUNIT_CASE(lun_wwid_is_parsed),
	KUNIT_CASE(lun_is_enabled_once),
	KUNIT_CASE_SLOW(lun_disable_does_not_wait_for_ever),
	KUNIT_CASE(lun_use_is_whole_or_by_chunks),
	KUNIT_CASE(lun_is_resized_live),
	KUNIT_CASE(lun_is_read_only_live),
	KUNIT_CASE_SLOW(lun_is_formatted_when_idle),
	KUNIT_CASE(lun_keeps_its_table),
	{}
};

static struct kunit_suite lun_suite = {
	.name = "cxlflash_lun",
	.init = lun_test_init,
	.exit = lun_test_exit,
	.test_cases = lun_cases,
};

kunit_test_suite(lun_suite);

MODULE_DESCRIPTION("KUnit tests of LUNs");
MODULE_LICENSE("GPL");
