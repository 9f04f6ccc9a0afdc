// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk with nothing around it: what each command answers
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#include "../cdb.c"
#include "../disk.c"
#include "../disk_media.c"
#include "../disk_inquiry.c"
#include "../disk_reserve.c"
#include "disk_fake.h"

/* ---------------------------------------------------------- READ and WRITE */

static const struct disk_rw_case {
	const char *name;
	u64 lba;
	u32 nr;
	u32 data_len;
	bool write;
	bool out;
	bool virt;
	bool single;
	bool quiet;
	u8 afu_rc;
	u8 fc_rc;
	u32 status;
	u8 flags;
	u32 resid;
} disk_rw_cases[] = {
	{ "read", .lba = 1, .nr = 2, .data_len = 1024 },
	{ "write", .lba = 511, .nr = 1, .data_len = 512, .write = true,
	  .out = true },
	{ "read as a write", .nr = 1, .data_len = 512, .out = true,
	  .fc_rc = 0x58 },
	{ "write as a read", .nr = 1, .data_len = 512, .write = true,
	  .fc_rc = 0x58 },
	{ "direction before range", .lba = 512, .nr = 1, .data_len = 512,
	  .out = true, .fc_rc = 0x58 },
	{ "beyond the end", .lba = 512, .nr = 1, .data_len = 512,
	  .status = 0x052100, .flags = 0x80, .resid = 512 },
	{ "over the end", .lba = 511, .nr = 2, .data_len = 1024,
	  .status = 0x052100, .flags = 0x80, .resid = 1024 },
	{ "far away", .lba = ~0ULL, .nr = 2, .data_len = 1024,
	  .status = 0x052100, .flags = 0x80, .resid = 1024 },
	{ "no room", .nr = 2, .data_len = 1023,
	  .status = 0x052400, .flags = 0x80, .resid = 1023 },
	{ "nothing", .data_len = 512 },
	{ "nothing at the end", .lba = 512 },
	{ "nothing beyond the end", .lba = 513,
	  .status = 0x052100, .flags = 0x80 },
	{ "more room", .nr = 1, .data_len = 700, .flags = 0x10, .resid = 188 },
	{ "more room, suppressed", .nr = 1, .data_len = 700, .quiet = true,
	  .resid = 188 },
	{ "virtual", .lba = 63, .nr = 1, .data_len = 512, .virt = true,
	  .single = true },
	{ "virtual, two blocks", .lba = 1, .nr = 2, .data_len = 1024,
	  .virt = true, .single = true, .afu_rc = 0x13 },
	{ "virtual, two blocks allowed", .lba = 1, .nr = 2, .data_len = 1024,
	  .virt = true },
	{ "virtual, beyond the end before direction", .lba = 64, .nr = 1,
	  .data_len = 512, .virt = true, .out = true, .afu_rc = 0x13 },
};

static void disk_rw_errors_have_an_order(struct kunit *test)
{
	const struct disk_rw_case *c;
	const struct sisl_ioasa *s = &fake->cmd.status;
	u8 cdb[CDB_LEN] = { };
	struct afu_cmd *cmd;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(disk_rw_cases); i++) {
		c = &disk_rw_cases[i];
		cdb[0] = c->write ? 0x8a : 0x88;
		put_unaligned_be64(c->lba, cdb + 2);
		put_unaligned_be32(c->nr, cdb + 10);
		cmd = fake_cmd(0, cdb, c->data_len, c->out);
		cmd->virt = c->virt;
		if (c->single)
			cmd->handle_flags |= CXLFLASH_HANDLE_SINGLE_BLOCK;
		if (c->quiet)
			cmd->arcb.req_flags |= SISL_REQ_SUP_UNDERRUN;
		disk_execute(cmd, c->virt ? FAKE_VIRT_BLOCKS : FAKE_BLOCKS);
		KUNIT_EXPECT_EQ_MSG(test, fake->completed, 1, "%s", c->name);
		KUNIT_EXPECT_EQ_MSG(test, s->afu_rc, c->afu_rc, "%s", c->name);
		KUNIT_EXPECT_EQ_MSG(test, s->fc_rc, c->fc_rc, "%s", c->name);
		KUNIT_EXPECT_EQ_MSG(test, fake_status(), c->status, "%s",
				    c->name);
		KUNIT_EXPECT_EQ_MSG(test, s->flags, c->flags, "%s", c->name);
		KUNIT_EXPECT_EQ_MSG(test, s->resid, c->resid, "%s", c->name);
		KUNIT_EXPECT_EQ_MSG(test, fake->transfers,
				    c->nr && !c->afu_rc && !c->fc_rc &&
				    !c->status, "%s", c->name);
	}
}

static void disk_protection_is_kept(struct kunit *test)
{
	const u8 *wr = FAKE_CDB(0x8a, [13] = 1), *rd = FAKE_CDB(0x88, [13] = 1);
	const u8 *same = FAKE_CDB(0x93, [13] = 1);
	const u8 *sense = FAKE_CDB(0x1a, 0, 0x3f, 0, 255);

	fake->lun.read_only = true;
	KUNIT_EXPECT_EQ(test, fake_send(0, wr, 512, true), 0x072700);
	KUNIT_EXPECT_EQ(test, fake_send(0, same, 512, true), 0x072700);
	KUNIT_EXPECT_EQ(test, fake_send(0, rd, 512, false), 0);
	fake_send(0, sense, 255, false);
	KUNIT_EXPECT_EQ(test, fake->data[2], 0x90);
	fake->lun.read_only = false;
	fake->lun.formatted = true;
	KUNIT_EXPECT_EQ(test, fake_send(0, wr, 512, true), 0x072700);
	fake->lun.formatted = false;
	KUNIT_EXPECT_EQ(test, fake_send(0, wr, 512, true), 0);
	fake_send(0, sense, 255, false);
	KUNIT_EXPECT_EQ(test, fake->data[2], 0x10);
}

/* ------------------------------------------------------------- the medium */

static u32 disk_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* WRITE SAME of all sorts against memset() and memcpy(). */
static void disk_same_random(struct kunit *test, u32 *seed, u8 *model,
			     bool virt)
{
	u32 limit = virt ? FAKE_VIRT_BLOCKS : FAKE_BLOCKS, i;
	u32 lba = disk_rand(seed) % limit;
	u32 nr = 1 + disk_rand(seed) % (limit - lba);
	u8 how = disk_rand(seed) & 9, cdb[CDB_LEN] = { 0x93, how };
	struct afu_cmd *cmd;
	u8 block[512];

	memset(block, disk_rand(seed) % 2 ? disk_rand(seed) : 0, 512);
	memcpy(fake->data, block, 512);
	if (how & 1)
		memset(block, 0, 512);
	put_unaligned_be64(lba, cdb + 2);
	put_unaligned_be32(nr, cdb + 10);
	cmd = fake_cmd(0, cdb, how & 1 ? 0 : 512, !(how & 1));
	cmd->virt = virt;
	disk_execute(cmd, limit);
	KUNIT_ASSERT_EQ(test, fake_status(), 0);
	KUNIT_ASSERT_EQ(test, cmd->status.flags, 0);
	for (i = lba; i < lba + nr; i++)
		memcpy(model + fake_pos(cmd, i), block, 512);
}

static void disk_same_agrees_with_memcpy(struct kunit *test)
{
	u8 *model = kunit_kzalloc(test, FAKE_BYTES, GFP_KERNEL);
	u32 seed = 1, i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	for (i = 0; i < 100; i++)
		disk_same_random(test, &seed, model, i % 2);
	KUNIT_EXPECT_EQ(test, memcmp(model, fake->medium, FAKE_BYTES), 0);
}

static void disk_same_limits(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x93, [13] = 1), 511, true),
			0x052400);
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x93, [13] = 1), 512, false)
			, 0);
	KUNIT_EXPECT_EQ(test, fake->cmd.status.fc_rc, 0x58);
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x93, [10] = 1), 512, true),
			0x052100);
	fake->store.flags = 0;
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x93, 8, [13] = 1), 512,
					true), 0x052400);
	/* Without a write cache it is durable when it is acknowledged. */
	fake->store.write_cache = false;
	fake->flushes = 0;
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x93, [13] = 1), 512, true),
			0);
	KUNIT_EXPECT_EQ(test, fake->flushes, 1);
}

/* UNMAP with @nr descriptors of two blocks each, the last at @last. */
static u32 disk_send_unmap(unsigned int nr, u64 last, u32 len, u32 desc_len)
{
	u8 cdb[CDB_LEN] = { 0x42 };
	unsigned int i;

	put_unaligned_be16(len, cdb + 7);
	memset(fake->data, 0, sizeof(fake->data));
	put_unaligned_be16(desc_len, fake->data + 2);
	for (i = 0; i < nr; i++) {
		put_unaligned_be64(i + 1 == nr ? last : 4 * i,
				   fake->data + 8 + 16 * i);
		put_unaligned_be32(2, fake->data + 16 + 16 * i);
	}
	return fake_send(0, cdb, len, true);
}

static void disk_unmap_checks_all_before_any(struct kunit *test)
{
	memset(fake->medium, 0x55, FAKE_BYTES);
	KUNIT_EXPECT_EQ(test, disk_send_unmap(3, 511, 56, 48), 0x052100);
	KUNIT_EXPECT_EQ(test, disk_send_unmap(2, ~0ULL, 40, 32), 0x052100);
	KUNIT_EXPECT_EQ(test, disk_send_unmap(1, 0, 7, 16), 0x051a00);
	KUNIT_EXPECT_EQ(test, disk_send_unmap(257, 8, 8 + 257 * 16, 257 * 16),
			0x052600);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(fake->medium, 0x55, FAKE_BYTES),
			    NULL);
	/* Half a descriptor does not count. */
	KUNIT_EXPECT_EQ(test, disk_send_unmap(2, 510, 39, 32), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(fake->medium, 0, 1024), NULL);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(fake->medium + 1024, 0x55,
					     FAKE_BYTES - 1024), NULL);
	KUNIT_EXPECT_EQ(test, disk_send_unmap(2, 510, 40, 32), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(fake->medium + FAKE_BYTES - 1024,
					     0, 1024), NULL);
	KUNIT_EXPECT_EQ(test, disk_send_unmap(0, 0, 8, 0), 0);
	fake->store.flags = 0;
	KUNIT_EXPECT_EQ(test, disk_send_unmap(1, 0, 24, 16), 0x052000);
}

static void disk_verify_compares(struct kunit *test)
{
	const u8 *read = FAKE_CDB(0x8f, 0, [13] = 200);
	const u8 *all = FAKE_CDB(0x8f, 2, [13] = 200);
	const u8 *one = FAKE_CDB(0x8f, 6, [13] = 200);

	memset(fake->medium, 0x77, FAKE_BYTES);
	memset(fake->data, 0x77, 200 * 512);
	KUNIT_EXPECT_EQ(test, fake_send(0, read, 0, false), 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, all, 200 * 512, true), 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, one, 512, true), 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, all, 200 * 512 - 1, true), 0x052400);
	fake->medium[200 * 512 - 1]++;
	KUNIT_EXPECT_EQ(test, fake_send(0, all, 200 * 512, true), 0x0e1d00);
	KUNIT_EXPECT_EQ(test, fake_send(0, one, 512, true), 0x0e1d00);
	KUNIT_EXPECT_EQ(test, fake_send(0, read, 0, false), 0);
}

/* ------------------------------------------------------------- the answers */

static void disk_pages_are_listed(struct kunit *test)
{
	u8 list[32], cdb[CDB_LEN] = { 0x12, 1, 0, 1, 0 };
	unsigned int i, nr = 0;

	KUNIT_ASSERT_EQ(test, fake_send(0, cdb, 256, false), 0);
	memcpy(list, fake->data, sizeof(list));
	for (i = 0; i < 256; i++) {
		cdb[2] = i;
		if (fake_send(0, cdb, 256, false)) {
			KUNIT_EXPECT_EQ(test, fake_status(), 0x052400);
			continue;
		}
		KUNIT_EXPECT_EQ(test, fake->data[1], i);
		KUNIT_EXPECT_EQ(test, list[4 + nr], i);
		KUNIT_EXPECT_EQ(test, fake->cmd.status.resid,
				256 - 4 - get_unaligned_be16(fake->data + 2));
		nr++;
	}
	KUNIT_EXPECT_EQ(test, list[3], nr);
}

static void disk_answers_are_cut(struct kunit *test)
{
	const struct sisl_ioasa *s = &fake->cmd.status;

	memset(fake->data, 0xee, 256);
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x12, 0, 0, 0, 36), 36,
					false), 0);
	KUNIT_EXPECT_EQ(test, s->flags, 0);
	KUNIT_EXPECT_EQ(test, fake->data[4], 91);
	KUNIT_EXPECT_EQ(test, fake->data[36], 0xee);
	fake_send(0, FAKE_CDB(0x12, 0, 0, 0, 255), 255, false);
	KUNIT_EXPECT_EQ(test, s->flags, SISL_IOASA_UNDERRUN);
	KUNIT_EXPECT_EQ(test, s->resid, 255 - 96);
	fake_send(0, FAKE_CDB(0x12, 0, 0, 0, 96), 10, false);
	KUNIT_EXPECT_EQ(test, s->flags, SISL_IOASA_OVERRUN);
	KUNIT_EXPECT_EQ(test, s->resid, 86);
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x12), 0, false), 0);
	KUNIT_EXPECT_EQ(test, s->flags, 0);
}

static void disk_capacity_is_told(struct kunit *test)
{
	fake_send(0, FAKE_CDB(0x25), 8, false);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(fake->data), FAKE_BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(fake->data + 4), 512);
	fake_send(0, FAKE_CDB(0x9e, 0x10, [13] = 32), 32, false);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(fake->data), FAKE_BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, fake->data[13], 3);
	KUNIT_EXPECT_EQ(test, fake->data[14], 0xc0);
	disk_execute(fake_cmd(0, FAKE_CDB(0x25), 8, false), 1ULL << 40);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(fake->data), U32_MAX);
}

static void disk_luns_are_reported(struct kunit *test)
{
	struct xarray *luns = &fake->ad.ports[0].luns;
	const u8 *cdb = FAKE_CDB(0xa0, [9] = 128);
	struct afu_cmd *cmd;

	KUNIT_ASSERT_EQ(test, xa_err(xa_store(luns, 3, &fake->lun, GFP_KERNEL)),
			0);
	KUNIT_ASSERT_EQ(test, xa_err(xa_store(luns, 255, &fake->lun,
					      GFP_KERNEL)), 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, cdb, 128, false), 0);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(fake->data), 16);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(fake->data + 8), 3ULL << 48);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(fake->data + 16),
			255ULL << 48);
	/* A LUN that is not there answers that, too, and says so. */
	memset(fake->data, 0, 64);
	cmd = fake_cmd(0, cdb, 128, false);
	cmd->lun = NULL;
	disk_execute_lunless(cmd);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(fake->data), 16);
	cmd = fake_cmd(0, FAKE_CDB(0x12, 0, 0, 0, 36), 36, false);
	cmd->lun = NULL;
	disk_execute_lunless(cmd);
	KUNIT_EXPECT_EQ(test, fake->data[0], 0x7f);
	cmd = fake_cmd(0, FAKE_CDB(0), 0, false);
	cmd->lun = NULL;
	disk_execute_lunless(cmd);
	KUNIT_EXPECT_EQ(test, fake_status(), 0x052500);
}

static void disk_modes_are_accepted_as_they_are(struct kunit *test)
{
	const u8 *sense = FAKE_CDB(0x5a, 0, 0x3f, [7] = 1);
	const u8 *sense6 = FAKE_CDB(0x1a, 0, 0x08, 0, 255);
	u8 list[128], select[CDB_LEN] = { 0x55, 0x10 };
	unsigned int len, i;

	KUNIT_ASSERT_EQ(test, fake_send(0, sense, 256, false), 0);
	len = 2 + get_unaligned_be16(fake->data);
	KUNIT_ASSERT_EQ(test, len, 8 + 8 + 12 + 20 + 12);
	memcpy(list, fake->data, len);
	/* Reserved when it is sent back. */
	list[0] = 0;
	list[1] = 0;
	select[8] = len;
	memcpy(fake->data, list, len);
	KUNIT_EXPECT_EQ(test, fake_send(0, select, len, true), 0);
	/* Nothing in the pages can be changed. */
	for (i = 16; i < len; i++) {
		memcpy(fake->data, list, len);
		fake->data[i] ^= 0x04;
		KUNIT_EXPECT_NE_MSG(test, fake_send(0, select, len, true), 0,
				    "byte %u", i);
	}
	memcpy(fake->data, list, len);
	for (i = 1; i < len; i++) {
		select[8] = i;
		if (i != 16 && i != 28 && i != 48)
			KUNIT_EXPECT_EQ_MSG(test, fake_send(0, select, i, true),
					    0x051a00, "length %u", i);
	}
	KUNIT_EXPECT_EQ(test, fake_send(0, sense6, 255, false), 0);
	KUNIT_EXPECT_EQ(test, fake->data[12 + 2], 0x04);
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x1a, 0, 0x48, 0, 255), 255,
					false), 0);
	KUNIT_EXPECT_EQ(test, fake->data[12 + 2], 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, FAKE_CDB(0x1a, 0, 0x0b, 0, 255), 255,
					false), 0x052400);
}

/* -------------------------------------------------------- unit attentions */

static void disk_attention_is_reported_once(struct kunit *test)
{
	const u8 *ready = FAKE_CDB(0), *sense = FAKE_CDB(3, 0, 0, 0, 18);
	const u8 *inquiry = FAKE_CDB(0x12, 0, 0, 0, 36);
	const u8 *rd = FAKE_CDB(0x88, [13] = 1);

	KUNIT_EXPECT_EQ(test, fake_send(0, ready, 0, false), 0);
	KUNIT_EXPECT_EQ(test, fake_send(1, ready, 0, false), 0);
	lun_unit_attention(&fake->lun, 0x2a09);
	KUNIT_EXPECT_EQ(test, fake_send(0, inquiry, 36, false), 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, rd, 512, false), 0x062a09);
	KUNIT_EXPECT_EQ(test, fake->transfers, 0);
	KUNIT_EXPECT_EQ(test, fake_send(0, rd, 512, false), 0);
	KUNIT_EXPECT_EQ(test, fake_send(1, sense, 18, false), 0);
	KUNIT_EXPECT_EQ(test, fake->data[2], 6);
	KUNIT_EXPECT_EQ(test, get_unaligned_be16(fake->data + 12), 0x2a09);
	KUNIT_EXPECT_EQ(test, fake_send(1, ready, 0, false), 0);
	fake_send(1, sense, 18, false);
	KUNIT_EXPECT_EQ(test, fake->data[2], 0);
	/* One that comes later begins with what is. */
	KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false), 0);
	fake_cmd(2, FAKE_CDB(1), 0, false);
	disk_tmf(&fake->cmd);
	KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false), 0x062903);
}

/* ----------------------------------------------------------- reservations */

static u32 disk_pr_out(unsigned int ctx, u8 sa, u8 type, u64 key, u64 sa_key)
{
	const u8 cdb[CDB_LEN] = { 0x5f, sa, type, [8] = 24 };

	memset(fake->data, 0, 24);
	put_unaligned_be64(key, fake->data);
	put_unaligned_be64(sa_key, fake->data + 8);
	return fake_send(ctx, cdb, 24, true);
}

static u32 disk_pr_in(u8 sa)
{
	const u8 cdb[CDB_LEN] = { 0x5e, sa, [7] = 2 };

	return fake_send(0, cdb, 512, false) ? U32_MAX :
		get_unaligned_be32(fake->data + 4);
}

/* Type, and what reads and writes of registrants and strangers get. */
static void disk_reservations_conflict(struct kunit *test)
{
	static const struct {
		u8 type;
		bool reg_read, reg_write, other_read;
	} types[] = {
		{ 1, true, false, true }, { 3, false, false, false },
		{ 5, true, true, true }, { 6, true, true, false },
		{ 7, true, true, true }, { 8, true, true, false },
	};
	const u8 *rd = FAKE_CDB(0x88, [13] = 1), *wr = FAKE_CDB(0x8a, [13] = 1);
	const u8 *ready = FAKE_CDB(0), *sync = FAKE_CDB(0x35);
	unsigned int i;
	bool reg;

	for (i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		reg = i % 2;
		KUNIT_ASSERT_EQ(test, disk_pr_out(0, 6, 0, 0, 1), 0);
		KUNIT_ASSERT_EQ(test, disk_pr_out(2, 6, 0, 0, reg ? 2 : 0), 0);
		KUNIT_ASSERT_EQ(test,
				disk_pr_out(0, 1, types[i / 2].type, 1, 0),
				0);
		/* The host's other context is the holder, too. */
		KUNIT_EXPECT_EQ(test, fake_send(1, wr, 512, true), 0);
		KUNIT_EXPECT_EQ(test, !fake_send(2, rd, 512, false),
				reg ? types[i / 2].reg_read :
				types[i / 2].other_read);
		KUNIT_EXPECT_EQ(test, !fake_send(2, wr, 512, true),
				reg && types[i / 2].reg_write);
		KUNIT_EXPECT_EQ(test, !fake_send(2, sync, 0, false),
				reg && types[i / 2].reg_write);
		KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false), 0);
		KUNIT_ASSERT_EQ(test,
				disk_pr_out(0, 2, types[i / 2].type, 1, 0),
				0);
		if (reg && types[i / 2].type >= 5)
			KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false),
					0x062a04);
		KUNIT_EXPECT_EQ(test, fake_send(2, wr, 512, true), 0);
		KUNIT_ASSERT_EQ(test, disk_pr_out(0, 3, 0, 1, 0), 0);
		if (reg)
			KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false),
					0x062a03);
		KUNIT_EXPECT_FALSE(test, resv_is_active(&fake->lun));
	}
}

static void disk_registrations_are_kept(struct kunit *test)
{
	u32 generation;

	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 1, 0, 0), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 0, 0, 9, 1), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 0, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 0, 0, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 0, 0, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 0, 0, 0, 3), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 0, 0, 2, 3), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 16);
	generation = get_unaligned_be32(fake->data);
	KUNIT_EXPECT_EQ(test, generation, 3);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(fake->data + 16), 3);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 2, 1, 0), 0x052400);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 0x11, 1, 0), 0x052400);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 1, 2, 0), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 1, 3, 1, 0), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 1, 1, 3, 0), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_in(1), 16);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(fake->data + 8), 1);
	KUNIT_EXPECT_EQ(test, fake->data[21], 1);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 2, 3, 1, 0), 0x052604);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 2, 1, 3, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(3), 96);
	KUNIT_EXPECT_EQ(test, fake->data[8 + 12], 1);
	KUNIT_EXPECT_EQ(test, fake->data[8 + 48 + 12], 0);
	/* The holder's end is the reservation's. */
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 0, 0, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(1), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 8);
	disk_pr_in(2);
	KUNIT_EXPECT_EQ(test, get_unaligned_be64(fake->data),
			0x00080080ea010000ULL);
}

static void disk_preempt_takes_over(struct kunit *test)
{
	const u8 *ready = FAKE_CDB(0), *wr = FAKE_CDB(0x8a, [13] = 1);

	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 0, 0, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 0, 0, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 1, 5, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 4, 5, 1, 7), 0x18);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 4, 5, 1, 0), 0x052600);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 5, 3, 1, 2), 0);
	KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false), 0x062a05);
	KUNIT_EXPECT_EQ(test, fake_send(2, wr, 512, true), 0x18);
	KUNIT_EXPECT_EQ(test, fake_send(1, wr, 512, true), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(1), 16);
	KUNIT_EXPECT_EQ(test, fake->data[21], 3);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 8);
	/* All registrants: key 0 means all others. */
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 2, 3, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 0, 0, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 1, 7, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 4, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_send(2, ready, 0, false), 0x062a05);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 8);
	/* Who preempts its own registration has none. */
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 2, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 4, 1, 1, 1), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 0);
}

static void disk_reservation_lists_are_checked(struct kunit *test)
{
	u8 cdb[CDB_LEN] = { 0x5f, 0, 0, [8] = 25 };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, fake_send(0, cdb, 25, true), 0x051a00);
	cdb[8] = 24;
	KUNIT_EXPECT_EQ(test, fake_send(0, cdb, 23, true), 0x052400);
	for (i = 0; i < 4; i++) {
		memset(fake->data, 0, 24);
		fake->data[15] = 1;
		fake->data[20] = 1 << i;
		KUNIT_EXPECT_EQ(test, fake_send(0, cdb, 24, true),
				i == 1 ? 0 : 0x052600);
		disk_pr_out(0, 6, 0, 0, 0);
	}
	/* A part of a LUN has no reservations. */
	fake_cmd(0, FAKE_CDB(0x5e, [8] = 8), 8, false)->virt = true;
	disk_execute(&fake->cmd, FAKE_VIRT_BLOCKS);
	KUNIT_EXPECT_EQ(test, fake_status(), 0x052000);
}

static void disk_registrants_are_bounded(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < RESV_MAX_REGISTRANTS; i++) {
		fake->ctx[2].id = i;
		KUNIT_EXPECT_EQ(test, disk_pr_out(2, 0, 0, 0, 5), 0);
	}
	KUNIT_EXPECT_EQ(test, disk_pr_out(0, 0, 0, 0, 5), 0x055504);
	KUNIT_EXPECT_EQ(test, disk_pr_in(3), RESV_MAX_REGISTRANTS * 48);
	KUNIT_EXPECT_EQ(test, disk_pr_out(2, 4, 1, 5, 5), 0);
	KUNIT_EXPECT_EQ(test, disk_pr_in(0), 0);
	KUNIT_EXPECT_EQ(test, fake->lun.resv->nr_events,
			RESV_MAX_REGISTRANTS - 1);
}

static struct kunit_case disk_cases[] = {
	KUNIT_CASE(disk_rw_errors_have_an_order),
	KUNIT_CASE(disk_protection_is_kept),
	KUNIT_CASE(disk_same_agrees_with_memcpy),
	KUNIT_CASE(disk_same_limits),
	KUNIT_CASE(disk_unmap_checks_all_before_any),
	KUNIT_CASE(disk_verify_compares),
	KUNIT_CASE(disk_pages_are_listed),
	KUNIT_CASE(disk_answers_are_cut),
	KUNIT_CASE(disk_capacity_is_told),
	KUNIT_CASE(disk_luns_are_reported),
	KUNIT_CASE(disk_modes_are_accepted_as_they_are),
	KUNIT_CASE(disk_attention_is_reported_once),
	KUNIT_CASE(disk_reservations_conflict),
	KUNIT_CASE(disk_registrations_are_kept),
	KUNIT_CASE(disk_preempt_takes_over),
	KUNIT_CASE(disk_reservation_lists_are_checked),
	KUNIT_CASE(disk_registrants_are_bounded),
	{}
};

static struct kunit_suite disk_suite = {
	.name = "disk",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = disk_cases,
};

kunit_test_suite(disk_suite);

MODULE_DESCRIPTION("KUnit tests of the SCSI disk");
MODULE_LICENSE("GPL");
