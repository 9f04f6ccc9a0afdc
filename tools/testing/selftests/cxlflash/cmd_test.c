// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of a raw context: each row of the order in which they are checked
 */
#include "cx_lib.h"

#include "kselftest_harness.h"

#define BLOCKS		(512ULL << 8)	/* 512 MiB in blocks of 4096 bytes */
#define CHUNK_BLOCKS	65536ULL

FIXTURE(cmd) {
	struct cx cx;
	int phys;
	int virt;
};

FIXTURE_VARIANT(cmd) {
	const char *store;
	uint32_t service;
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(cmd, ram_kick) {
	.store = "ram",
	.service = 1,
};

FIXTURE_VARIANT_ADD(cmd, ram_polled_by_page) {
	.store = "ram",
	.service = 0,
	.flags = CXTEST_BY_PAGE,
};

FIXTURE_SETUP(cmd)
{
	struct cx *cx = &self->cx;

	cx->fd = -1;
	ASSERT_EQ(0, cx_world(variant->store, "512M", 4096));
	ASSERT_EQ(0, cx_open(cx, "t", CAP_USER, 0, variant->service,
			     variant->flags));
}

FIXTURE_TEARDOWN(cmd)
{
	cx_close(&self->cx);
	cx_world_end();
}

static int submit_raw(struct cx *cx, unsigned int i)
{
	int ret;

	cx_submit(cx, i);
	ret = cx_wait(cx, i, 5000);
	return ret ? ret : (int)(cx_status(cx, i) & 0x7fffffff);
}

TEST_F(cmd, what_is_written_is_read)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	ASSERT_EQ(0, h);
	for (int i = 0; i < 16; i++) {
		cx_fill(cx_data(cx, 0), 16384, i + 1);
		EXPECT_EQ(0, cx_rw(cx, 0, true, h, i * 1000, 4, 0, 16384));
	}
	for (int i = 0; i < 16; i++) {
		memset(cx_data(cx, 0), 0, 16384);
		EXPECT_EQ(0, cx_rw(cx, 1, false, h, i * 1000, 4, 0, 16384));
		EXPECT_TRUE(cx_check(cx_data(cx, 0), 16384, i + 1));
	}
	/* The part of the IOASA that is the program's was not touched. */
	for (int i = 0; i < 32; i++)
		EXPECT_EQ(0x5a, cx_slot(cx, 1)->asa.mine[i]);
}

TEST_F(cmd, any_alignment_of_data)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	for (unsigned int off = 1; off < 5000; off += 997) {
		cx_fill(cx_data(cx, off), 8192, off);
		EXPECT_EQ(0, cx_rw(cx, 0, true, h, off, 2, off, 8192));
		EXPECT_EQ(0, cx_rw(cx, 0, false, h, off, 2, 65536 + off, 8192));
		EXPECT_TRUE(cx_check(cx_data(cx, 65536 + off), 8192, off));
	}
}

TEST_F(cmd, unwritten_blocks_read_as_zero)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ, 0);

	memset(cx_data(cx, 0), 0xff, 4096);
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 77, 1, 0, 4096));
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0, cx_data(cx, 0)[i]);
}

TEST_F(cmd, a_big_transfer)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	const uint32_t len = 3 << 20;

	cx_fill(cx_data(cx, 0), len, 9);
	EXPECT_EQ(0, cx_rw(cx, 0, true, h, 5, len / 4096, 0, len));
	memset(cx_data(cx, 0), 0, len);
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 5, len / 4096, 0, len));
	EXPECT_TRUE(cx_check(cx_data(cx, 0), len, 9));
}

TEST_F(cmd, wrong_context_id)
{
	struct cx *cx = &self->cx;
	uint8_t cdb[16];

	cx_cdb_rw(cdb, false, 0, 1);
	cx_prepare(cx, 0, F_HNDL, 0, cdb, 16, 0, 4096)->ctx_id ^= 1;
	EXPECT_EQ(ST(0, 0x21, 0, 0), submit_raw(cx, 0));
}

TEST_F(cmd, other_opcodes_are_a_capability_violation)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	static const uint8_t opcodes[] = { 0x00, 0x12, 0x28, 0x2a, 0x35, 0x42,
					   0x9e, 0xa0, 0x5f, 0xff };
	uint8_t cdb[16] = { };

	/* A block, for those that have a length there. */
	cdb[8] = 1;
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		cdb[0] = opcodes[i];
		cx_prepare(cx, 0, F_HNDL | (cdb[0] == 0x2a ? F_WRITE : 0), h,
			   cdb, 16, 0, 4096);
		EXPECT_EQ(ST(0, 0x21, 0, 0), submit_raw(cx, 0));
	}
}

TEST_F(cmd, afu_commands_and_tmfs_need_a_capability)
{
	struct cx *cx = &self->cx;

	cx_prepare(cx, 0, F_AFU, 0, (uint8_t[16]){ 0xc0 }, 16, 0, 0);
	EXPECT_EQ(ST(0, 0x21, 0, 0), submit_raw(cx, 0));
	cx_prepare(cx, 0, F_TMF, 0, (uint8_t[16]){ 1 }, 16, 0, 0);
	EXPECT_EQ(ST(0, 0x21, 0, 0), submit_raw(cx, 0));
}

TEST_F(cmd, host_addressing_needs_a_capability)
{
	struct cx *cx = &self->cx;
	uint8_t cdb[16];

	cx_cdb_rw(cdb, false, 0, 1);
	cx_prepare(cx, 0, 0, 1, cdb, 16, 0, 4096);
	EXPECT_EQ(ST(0, 0x1a, 0, 0), submit_raw(cx, 0));
}

TEST_F(cmd, handles_that_are_not_there)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	EXPECT_EQ(ST(0, 0x03, 0, 0), cx_rw(cx, 0, false, 1 << 20, 0, 1, 0, 4096));
	EXPECT_EQ(ST(0, 0x03, 0, 0), cx_rw(cx, 0, false, -1, 0, 1, 0, 4096));
	EXPECT_EQ(ST(0, 0x05, 0, 0), cx_rw(cx, 0, false, h + 1, 0, 1, 0, 4096));
	EXPECT_EQ(0, cx_handle_close(cx, h));
	EXPECT_EQ(ST(0, 0x05, 0, 0), cx_rw(cx, 0, false, h, 0, 1, 0, 4096));
	EXPECT_EQ(-EINVAL, cx_handle_close(cx, h));
}

TEST_F(cmd, permissions_of_a_handle)
{
	struct cx *cx = &self->cx;
	int r = cx_handle(cx, 0, 0, H_READ, 0);
	int w = cx_handle(cx, 0, 0, H_WRITE, 0);

	EXPECT_EQ(0, cx_rw(cx, 0, false, r, 0, 1, 0, 4096));
	EXPECT_EQ(ST(0, 0x05, 0, 0), cx_rw(cx, 0, true, r, 0, 1, 0, 4096));
	EXPECT_EQ(0, cx_rw(cx, 0, true, w, 0, 1, 0, 4096));
	EXPECT_EQ(ST(0, 0x05, 0, 0), cx_rw(cx, 0, false, w, 0, 1, 0, 4096));
}

TEST_F(cmd, virtual_lun_of_ibm_moves_one_block)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE | H_SINGLE, 1);

	ASSERT_GE(h, 0);
	EXPECT_EQ(0, cx_rw(cx, 0, true, h, 0, 1, 0, 4096));
	EXPECT_EQ(0, cx_rw(cx, 0, true, h, CHUNK_BLOCKS - 1, 1, 0, 4096));
	EXPECT_EQ(ST(0, 0x13, 0, 0), cx_rw(cx, 0, true, h, 0, 2, 0, 8192));
	EXPECT_EQ(ST(0, 0x13, 0, 0),
		  cx_rw(cx, 0, true, h, CHUNK_BLOCKS, 1, 0, 4096));
	EXPECT_EQ(ST(0, 0x13, 0, 0), cx_rw(cx, 0, true, h, ~0ULL, 1, 0, 4096));
}

TEST_F(cmd, virtual_lun_of_ours_moves_many_across_chunks)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 2);

	ASSERT_GE(h, 0);
	cx_fill(cx_data(cx, 0), 65536, 3);
	EXPECT_EQ(0, cx_rw(cx, 0, true, h, CHUNK_BLOCKS - 8, 16, 0, 65536));
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, CHUNK_BLOCKS - 8, 16, 65536, 65536));
	EXPECT_TRUE(cx_check(cx_data(cx, 65536), 65536, 3));
	EXPECT_EQ(ST(0, 0x13, 0, 0),
		  cx_rw(cx, 0, false, h, 2 * CHUNK_BLOCKS - 1, 2, 0, 8192));
}

TEST_F(cmd, virtual_luns_resize)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 1);
	uint64_t chunks = 2;

	EXPECT_EQ(ST(0, 0x13, 0, 0),
		  cx_rw(cx, 0, true, h, CHUNK_BLOCKS, 1, 0, 4096));
	ASSERT_EQ(0, cx_resize(cx, h, &chunks));
	EXPECT_EQ(2, chunks);
	cx_fill(cx_data(cx, 0), 4096, 4);
	EXPECT_EQ(0, cx_rw(cx, 0, true, h, CHUNK_BLOCKS, 1, 0, 4096));
	chunks = 5;
	EXPECT_EQ(-ENOSPC, cx_resize(cx, h, &chunks));
	chunks = 1;
	ASSERT_EQ(0, cx_resize(cx, h, &chunks));
	EXPECT_EQ(ST(0, 0x13, 0, 0),
		  cx_rw(cx, 0, false, h, CHUNK_BLOCKS, 1, 0, 4096));
	/* What the freed chunk held is not readable by its next owner. */
	chunks = 9;
	ASSERT_EQ(0, cx_resize(cx, h, &chunks));
	EXPECT_EQ(2, chunks);
	memset(cx_data(cx, 0), 0xff, 4096);
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, CHUNK_BLOCKS, 1, 0, 4096));
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0, cx_data(cx, 0)[i]);
}

TEST_F(cmd, physical_and_virtual_do_not_mix)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ, 0);

	ASSERT_GE(h, 0);
	EXPECT_EQ(-EINVAL, cx_handle(cx, 0, 0, H_READ, 1));
	EXPECT_EQ(0, cx_handle_close(cx, h));
	h = cx_handle(cx, 0, 0, H_READ, 1);
	ASSERT_GE(h, 0);
	EXPECT_EQ(-EINVAL, cx_handle(cx, 0, 0, H_READ, 0));
	EXPECT_EQ(-ENODEV, cx_handle(cx, 0, 7, H_READ, 0));
	EXPECT_EQ(-ENODEV, cx_handle(cx, 3, 0, H_READ, 0));
}

TEST_F(cmd, a_thousand_handles)
{
	struct cx *cx = &self->cx;

	for (int i = 0; i < 1100; i++)
		ASSERT_EQ(i, cx_handle(cx, 0, 0, H_READ, 0));
	EXPECT_EQ(0, cx_rw(cx, 0, false, 1099, 0, 1, 0, 4096));
	EXPECT_EQ(0, cx_handle_close(cx, 17));
	EXPECT_EQ(17, cx_handle(cx, 0, 0, H_READ, 0));
}

TEST_F(cmd, direction_must_fit)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	uint8_t cdb[16];

	cx_cdb_rw(cdb, true, 0, 1);
	cx_prepare(cx, 0, F_HNDL, h, cdb, 16, 0, 4096);
	EXPECT_EQ(ST(0, 0, 0, 0x58), submit_raw(cx, 0));
	cx_cdb_rw(cdb, false, 0, 1);
	cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 0, 4096);
	EXPECT_EQ(ST(0, 0, 0, 0x58), submit_raw(cx, 0));
}

TEST_F(cmd, beyond_the_capacity)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	EXPECT_EQ(0, cx_rw(cx, 0, false, h, BLOCKS - 1, 1, 0, 4096));
	EXPECT_EQ(ST(0x80, 0, 2, 0), cx_rw(cx, 0, false, h, BLOCKS, 1, 0, 4096));
	EXPECT_EQ(0x052100, cx_sense(cx, 0));
	EXPECT_EQ(ST(0x80, 0, 2, 0),
		  cx_rw(cx, 0, true, h, BLOCKS - 1, 2, 0, 8192));
	EXPECT_EQ(ST(0x80, 0, 2, 0), cx_rw(cx, 0, true, h, ~0ULL, 2, 0, 8192));
}

TEST_F(cmd, lengths_that_do_not_fit)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	int64_t st;

	/* Too little room: check condition, and nothing of the AFU or port. */
	st = cx_rw(cx, 0, false, h, 0, 2, 0, 4096);
	EXPECT_EQ(2, st >> 8 & 0xff);
	EXPECT_NE(0, st >> 24 & 0xff);
	EXPECT_EQ(0, st & 0xff00ff);
	/* Too much: good, with a residual. */
	EXPECT_EQ(ST(0x10, 0, 0, 0), cx_rw(cx, 0, false, h, 0, 1, 0, 10000));
	EXPECT_EQ(10000 - 4096, cx_resid(cx, 0));
	/* None at all. */
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 0, 0, 0, 0));
}

TEST_F(cmd, memory_that_is_not_there)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	uint64_t events = cx_events(cx).data_storage;
	uint8_t cdb[16];

	cx_cdb_rw(cdb, false, 0, 1);
	cx_prepare(cx, 0, F_HNDL, h, cdb, 16, 0, 4096)->data_ea = 0x1000;
	cx_submit(cx, 0);
	EXPECT_EQ(-ETIMEDOUT, cx_wait(cx, 0, 90));
	EXPECT_EQ(events + 1, cx_events(cx).data_storage);
	EXPECT_EQ(0x1000, cx_events(cx).last_ea & ~0xfffULL);
	/* The IOARCB itself. */
	cx_write(cx, R_IOARRIN, 0x2000);
	usleep(20000);
	EXPECT_EQ(events + 2, cx_events(cx).data_storage);
	/* The context works on. */
	EXPECT_EQ(0, cx_rw(cx, 1, false, h, 0, 1, 0, 4096));
}

TEST_F(cmd, data_that_ends_in_a_hole)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	uint64_t events = cx_events(cx).data_storage;
	uint64_t hole = (CX_DATA_OFF + (1 << 20)) & ~4095ULL;
	uint8_t cdb[16];

	ASSERT_EQ(0, cx_pages(cx, hole, 4096, CXTEST_GONE, 1000));
	cx_cdb_rw(cdb, false, 0, 4);
	cx_prepare(cx, 0, F_HNDL, h, cdb, 16, hole - CX_DATA_OFF - 8192, 16384);
	cx_submit(cx, 0);
	EXPECT_EQ(-ETIMEDOUT, cx_wait(cx, 0, 90));
	EXPECT_EQ(events + 1, cx_events(cx).data_storage);
	EXPECT_EQ(cx_ea(hole), cx_events(cx).last_ea & ~0xfffULL);
}

TEST_F(cmd, misses_are_resolved_by_a_worker)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	uint64_t resolved;

	cx_fill(cx_data(cx, 0), 65536, 8);
	for (int i = 0; i < 10; i++) {
		resolved = cx_events(cx).resolved;
		ASSERT_EQ(0, cx_pages(cx, 0,
				      CX_DATA_OFF + (4 << 20), CXTEST_MISS, 1000));
		EXPECT_EQ(0, cx_rw(cx, i, true, h, i * 16, 16, 0, 65536));
		EXPECT_LT(resolved, cx_events(cx).resolved);
	}
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 5 * 16, 16, 1 << 20, 65536));
	EXPECT_TRUE(cx_check(cx_data(cx, 1 << 20), 65536, 8));
}

TEST_F(cmd, windows_come_and_go_under_load)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	cx_fill(cx_data(cx, 0), 65536, 8);
	for (int i = 0; i < 200; i++) {
		uint8_t cdb[16];

		cx_cdb_rw(cdb, true, i, 4);
		cx_prepare(cx, i % 32, F_HNDL | F_WRITE, h, cdb, 16, 0, 16384);
		cx_submit(cx, i % 32);
		ASSERT_EQ(0, cx_pages(cx, CX_DATA_OFF, 16384, CXTEST_MISS, 5000));
		ASSERT_EQ(0, cx_wait(cx, i % 32, 5000));
		ASSERT_EQ(0, cx_status(cx, i % 32));
	}
}

TEST_F(cmd, scatter_lists)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	struct { uint64_t ea; uint32_t len, flags; } *adl;
	struct cx_arcb *arcb;
	uint8_t cdb[16];
	int i, n = 13;

	adl = (void *)cx_data(cx, 2 << 20);
	cx_fill(cx_data(cx, 0), 13 * 4096, 6);
	for (i = 0; i < n; i++) {
		adl[i].ea = cx_ea(CX_DATA_OFF + i * 4096);
		adl[i].len = 4096;
		adl[i].flags = 0;
	}
	/* Two elements of odd lengths make one block. */
	adl[3].len = 1001;
	adl[n] = adl[n - 1];
	memmove(&adl[5], &adl[4], (n - 4) * sizeof(*adl));
	adl[4] = adl[3];
	adl[4].ea += 1001;
	adl[4].len = 4096 - 1001;
	cx_cdb_rw(cdb, true, 100, n);
	arcb = cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 2 << 20, n * 4096);
	arcb->ioadl_len = (n + 1) * 16;
	EXPECT_EQ(0, submit_raw(cx, 0));
	EXPECT_EQ(0, cx_rw(cx, 1, false, h, 100, n, 1 << 20, n * 4096));
	EXPECT_TRUE(cx_check(cx_data(cx, 1 << 20), n * 4096, 6));
	/* Lists that are not lists. */
	arcb = cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 2 << 20, n * 4096);
	arcb->ioadl_len = 15;
	EXPECT_NE(0, submit_raw(cx, 0));
	arcb = cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 2 << 20, n * 4096);
	arcb->ioadl_len = 0xfffffff0;
	EXPECT_NE(0, submit_raw(cx, 0));
	arcb = cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 2 << 20, n * 4096);
	arcb->ioadl_len = n * 16;
	EXPECT_NE(0, submit_raw(cx, 0));
	EXPECT_EQ(0, cx_rw(cx, 1, false, h, 100, n, 1 << 20, n * 4096));
}

TEST_F(cmd, write_same)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	uint8_t cdb[16];

	cx_cdb_rw(cdb, true, 10, 20);
	cdb[0] = 0x93;
	cx_fill(cx_data(cx, 0), 4096, 2);
	cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 0, 4096);
	EXPECT_EQ(0, submit_raw(cx, 0));
	EXPECT_EQ(0, cx_rw(cx, 1, false, h, 29, 1, 4096, 4096));
	EXPECT_TRUE(cx_check(cx_data(cx, 4096), 4096, 2));
	/* Unmapped blocks read as zero. */
	cdb[1] = 8;
	memset(cx_data(cx, 0), 0, 4096);
	cx_prepare(cx, 0, F_HNDL | F_WRITE, h, cdb, 16, 0, 4096);
	EXPECT_EQ(0, submit_raw(cx, 0));
	EXPECT_EQ(0, cx_rw(cx, 1, false, h, 15, 1, 4096, 4096));
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0, cx_data(cx, 4096)[i]);
}

TEST_F(cmd, media_errors_and_links)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	ASSERT_EQ(0, cx_set("101", "adapters/t/faults/media_lba"));
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 90, 10, 0, 40960));
	EXPECT_EQ(ST(0x80, 0, 2, 0), cx_rw(cx, 0, false, h, 96, 8, 0, 32768));
	EXPECT_EQ(0x03, cx_sense(cx, 0) >> 16);
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/media_lba"));
	ASSERT_EQ(0, cx_set("1", "adapters/t/faults/link_down"));
	EXPECT_EQ(ST(0, 0, 0, 0x57), cx_rw(cx, 0, false, h, 96, 8, 0, 32768));
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/link_down"));
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 96, 8, 0, 32768));
}

TEST_F(cmd, a_lost_completion_is_lost_once)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	uint8_t cdb[16];

	ASSERT_EQ(0, cx_set("1", "adapters/t/faults/lose_nth"));
	cx_cdb_rw(cdb, false, 0, 1);
	cx_prepare(cx, 0, F_HNDL, h, cdb, 16, 0, 4096);
	cx_submit(cx, 0);
	EXPECT_EQ(-ETIMEDOUT, cx_wait(cx, 0, 200));
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/lose_nth"));
	EXPECT_EQ(0, cx_do(cx, CXTEST_DO_RESET, 5000));
	EXPECT_EQ(0, cx_rw(cx, 1, false, h, 0, 1, 0, 4096));
}

TEST_F(cmd, read_only_lun)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);

	ASSERT_EQ(0, cx_set("1", "luns/t/read_only"));
	EXPECT_EQ(0x80, cx_rw(cx, 0, true, h, 0, 1, 0, 4096) >> 24);
	if (cx_sense(cx, 0) >> 16 == 6)		/* the change is told once */
		cx_rw(cx, 0, true, h, 0, 1, 0, 4096);
	EXPECT_EQ(0x072700, cx_sense(cx, 0));
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 0, 1, 0, 4096));
	ASSERT_EQ(0, cx_set("0", "luns/t/read_only"));
	cx_rw(cx, 0, true, h, 0, 1, 0, 4096);
	EXPECT_EQ(0, cx_rw(cx, 0, true, h, 0, 1, 0, 4096));
}

TEST_HARNESS_MAIN
