// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only a context with a host's capabilities may do: SCSI commands by port
 * and LUN, AFU commands, task management (reservations: reserve_test.c)
 */
#include "cx_scsi.h"

#include "kselftest_harness.h"

FIXTURE(master) {
	struct cx cx;
	struct cx other;
};

FIXTURE_SETUP(master)
{
	self->cx.fd = self->other.fd = -1;
	ASSERT_EQ(0, cx_world("ram", "512M", 4096));
	ASSERT_EQ(0, cx_open(&self->cx, "t", CAP_ALL, 0, 1, 0));
	ASSERT_EQ(0, cx_open(&self->other, "t", CAP_ALL & ~CAP_GSCSI, 0, 1, 0));
}

FIXTURE_TEARDOWN(master)
{
	cx_close(&self->other);
	cx_close(&self->cx);
	cx_world_end();
}

TEST_F(master, inquiry)
{
	struct cx *cx = &self->cx;
	uint8_t *d = cx_data(cx, 0);

	ASSERT_EQ(0, scsi_in(cx, CDB(0x12, 0, 0, 0, 96), 96));
	EXPECT_EQ(0, d[0]);
	EXPECT_LE(5, d[2]);
	EXPECT_EQ(2, d[3] & 15);
	EXPECT_EQ(0, memcmp(d + 8, "CXLFLASH", 8));
	/* As long as was asked for, not longer. */
	ASSERT_EQ(0, scsi_in(cx, CDB(0x12, 0, 0, 0, 5), 96));
	EXPECT_EQ(0xee, d[5]);
	/* CmdDt, and a page without EVPD. */
	EXPECT_EQ(0x80, scsi_in(cx, CDB(0x12, 0, 0x80, 0, 96), 96) >> 24);
	EXPECT_EQ(0x052400, cx_sense(cx, 0));
}

TEST_F(master, vital_product_data)
{
	struct cx *cx = &self->cx;
	uint8_t *d = cx_data(cx, 0), pages[32];
	int nr;

	ASSERT_EQ(0, scsi_in(cx, CDB(0x12, 1, 0, 0, 255), 255));
	nr = d[3];
	ASSERT_LE(6, nr);
	memcpy(pages, d + 4, nr);
	for (int i = 0; i < nr; i++) {
		ASSERT_EQ(0, scsi_in(cx, CDB(0x12, 1, pages[i], 0, 255), 255));
		EXPECT_EQ(pages[i], d[1]);
		if (i)
			EXPECT_LT(pages[i - 1], pages[i]);
	}
	ASSERT_EQ(0, scsi_in(cx, CDB(0x12, 1, 0x83, 0, 255), 255));
	EXPECT_EQ(1, d[4] & 15);
	EXPECT_EQ(3, d[5] & 0x3f);
	EXPECT_EQ(16, d[7]);
	EXPECT_EQ(6, d[8] >> 4);
	EXPECT_EQ(0x80, scsi_in(cx, CDB(0x12, 1, 0x99, 0, 255), 255) >> 24);
}

TEST_F(master, capacity)
{
	struct cx *cx = &self->cx;
	uint8_t *d = cx_data(cx, 0);

	ASSERT_EQ(0, scsi_in(cx, CDB(0x25), 8));
	EXPECT_EQ(131071, scsi_be(d, 4));
	EXPECT_EQ(4096, scsi_be(d + 4, 4));
	ASSERT_EQ(0, scsi_in(cx, CDB(0x9e, 0x10, [13] = 32), 32));
	EXPECT_EQ(0, scsi_be(d, 4));
	EXPECT_EQ(131071, scsi_be(d + 4, 4));
	EXPECT_EQ(4096, scsi_be(d + 8, 4));
	EXPECT_EQ(0xc0, d[14] & 0xc0);
}

TEST_F(master, growth_is_an_attention)
{
	struct cx *cx = &self->cx;

	scsi_settle(cx);
	ASSERT_EQ(0, cx_set("1G", "luns/t/size"));
	EXPECT_EQ(CHECK_CONDITION, scsi_in(cx, CDB(0), 0));
	EXPECT_EQ(0x062a09, cx_sense(cx, 0));
	EXPECT_EQ(0, scsi_in(cx, CDB(0), 0));
	ASSERT_EQ(0, scsi_in(cx, CDB(0x25), 8));
	EXPECT_EQ(262143, scsi_be(cx_data(cx, 0), 4));
}

TEST_F(master, luns_and_absent_ones)
{
	struct cx *cx = &self->cx;
	uint8_t *d = cx_data(cx, 0);
	int64_t st;

	ASSERT_EQ(0, scsi_in(cx, CDB(0xa0, [9] = 255), 255));
	EXPECT_EQ(8, scsi_be(d, 4));
	EXPECT_EQ(0, scsi_be(d + 8, 4));
	st = cx_scsi(cx, 0, 5, CDB(0), 16, 0, 0, false);
	EXPECT_EQ(CHECK_CONDITION, st);
	EXPECT_EQ(0x052500, cx_sense(cx, 0));
	ASSERT_EQ(0, cx_scsi(cx, 0, 5, CDB(0x12, 0, 0, 0, 96), 16, 0, 96, false));
	EXPECT_EQ(0x7f, d[0]);
}

TEST_F(master, unknown_and_short_commands)
{
	struct cx *cx = &self->cx;

	EXPECT_EQ(CHECK_CONDITION, scsi_in(cx, CDB(0xee), 0));
	EXPECT_EQ(0x052000, cx_sense(cx, 0));
	EXPECT_EQ(CHECK_CONDITION, scsi_in(cx, CDB(0x9e, 0x1f, [13] = 32), 32));
	EXPECT_EQ(0x052400, cx_sense(cx, 0));
}

TEST_F(master, modes)
{
	struct cx *cx = &self->cx;
	uint8_t *d = cx_data(cx, 0);

	ASSERT_EQ(0, scsi_in(cx, CDB(0x1a, 8, 0x3f, 0, 255), 255));
	EXPECT_EQ(0, d[2] & 0x80);
	EXPECT_EQ(0x10, d[2] & 0x10);
	ASSERT_EQ(0, cx_set("1", "luns/t/read_only"));
	scsi_settle(cx);
	ASSERT_EQ(0, scsi_in(cx, CDB(0x5a, 8, 8, [8] = 255), 255));
	EXPECT_EQ(0x80, d[3] & 0x80);
	EXPECT_EQ(CHECK_CONDITION, scsi_in(cx, CDB(0x1a, 8, 0x1f, 0, 255), 255));
	EXPECT_EQ(0x052400, cx_sense(cx, 0));
	ASSERT_EQ(0, cx_set("0", "luns/t/read_only"));
}

TEST_F(master, unmap)
{
	struct cx *cx = &self->cx;
	uint8_t *d = cx_data(cx, 0);
	int h = cx_handle(cx, 0, 0, 3, 0);

	cx_fill(cx_data(cx, 8192), 4096, 1);
	ASSERT_EQ(0, cx_rw(cx, 1, true, h, 8, 1, 8192, 4096));
	memset(d, 0, 24);
	d[1] = 22;
	d[3] = 16;
	d[15] = 8;
	d[19] = 1;
	ASSERT_EQ(0, cx_scsi(cx, 0, 0, CDB(0x42, [8] = 24), 16, 0, 24, true));
	ASSERT_EQ(0, cx_rw(cx, 1, false, h, 8, 1, 8192, 4096));
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0, cx_data(cx, 8192)[i]);
	/* Beyond the end. */
	d[12] = 1;
	EXPECT_EQ(CHECK_CONDITION,
		  cx_scsi(cx, 0, 0, CDB(0x42, [8] = 24), 16, 0, 24, true));
	EXPECT_EQ(0x052100, cx_sense(cx, 0));
}

TEST_F(master, syncs)
{
	struct cx *cx = &self->cx;
	uint32_t id = self->other.id;

	for (int mode = 0; mode < 3; mode++) {
		cx_prepare(cx, 0, F_AFU, 0, CDB(0xc0, mode, id >> 8, id), 16, 0,
			   0);
		cx_submit(cx, 0);
		ASSERT_EQ(0, cx_wait(cx, 0, 5000));
		EXPECT_EQ(0, cx_status(cx, 0));
	}
	/* No such context; no such mode. */
	cx_prepare(cx, 0, F_AFU, 0, CDB(0xc0, 1, 0x7f, 0xff), 16, 0, 0);
	cx_submit(cx, 0);
	ASSERT_EQ(0, cx_wait(cx, 0, 5000));
	EXPECT_EQ(ST(0, 0x01, 0, 0), cx_status(cx, 0));
	cx_prepare(cx, 0, F_AFU, 0, CDB(0xc0, 3), 16, 0, 0);
	cx_submit(cx, 0);
	ASSERT_EQ(0, cx_wait(cx, 0, 5000));
	EXPECT_EQ(ST(0, 0x21, 0, 0), cx_status(cx, 0));
	EXPECT_EQ(0, scsi_in(cx, CDB(0x35), 0));
	EXPECT_EQ(0, scsi_in(cx, CDB(0x91), 0));
}

/* Abort, by slot 0, the command whose RRQ entry is @ea: fc_rc, or an errno. */
static int64_t abort_ea(struct cx *cx, uint64_t ea)
{
	uint8_t cdb[16] = { 0xc1 };
	int64_t st;

	ea = htobe64(ea);
	memcpy(cdb + 2, &ea, 8);
	cx_prepare(cx, 0, F_AFU, 0, cdb, 16, 0, 0);
	cx_submit(cx, 0);
	st = cx_wait(cx, 0, 10000);
	return st ? st : cx_status(cx, 0);
}

TEST_F(master, abort_of_what_is_there_and_what_is_not)
{
	struct cx *cx = &self->cx;
	uint64_t ea = cx_ea(CX_SLOT_OFF + 5 * 128);

	EXPECT_EQ(0x55, abort_ea(cx, ea));
	ASSERT_EQ(0, cx_set("2000", "adapters/t/faults/slow_ms"));
	cx_prepare(cx, 5, 0, 1, CDB(0x88, [13] = 1), 16, 0, 4096);
	cx_submit(cx, 5);
	EXPECT_EQ(0x58, abort_ea(cx, ea));
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/slow_ms"));
	usleep(2200000);
	while (cx_reap(cx))
		;
	EXPECT_FALSE(cx->done[5]);
	EXPECT_EQ(0, cx->strays);
	EXPECT_EQ(64, cx_read(cx, R_CMD_ROOM));
}

/* Where the IOARCB was says nothing: another request may be there by now. */
TEST_F(master, abort_in_a_submission_queue)
{
	struct cx *cx = &self->cx;
	uint64_t ea = cx_ea(CX_SLOT_OFF + 5 * 128 + 64);

	scsi_settle(cx);
	cx_sq(cx, 4);
	EXPECT_EQ(0x55, abort_ea(cx, ea));
	ASSERT_EQ(0, cx_set("2000", "adapters/t/faults/slow_ms"));
	for (int i = 5; i < 7; i++) {
		cx_prepare(cx, i, 0, 1, CDB(0x88, [13] = 1), 16, 0, 4096);
		cx_submit(cx, i);
	}
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/slow_ms"));
	/* Places 1 and 2 are used again, by what answers at once. */
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(0, scsi_in(cx, CDB(0), 0));
	EXPECT_FALSE(cx->done[5] || cx->done[6]);
	EXPECT_EQ(0x55, abort_ea(cx, cx_ea(CX_SQ_OFF + 64)));
	EXPECT_EQ(0x58, abort_ea(cx, ea));
	ASSERT_EQ(0, cx_wait(cx, 6, 10000));
	EXPECT_EQ(0, cx_status(cx, 6));
	EXPECT_FALSE(cx->done[5]);
	EXPECT_EQ(0, cx->strays);
	EXPECT_EQ(64, cx_read(cx, R_CMD_ROOM));
}

TEST_F(master, lun_reset)
{
	struct cx *cx = &self->cx;

	scsi_settle(cx);
	cx_prepare(cx, 0, F_TMF, 1, CDB(1), 16, 0, 0);
	cx_submit(cx, 0);
	ASSERT_EQ(0, cx_wait(cx, 0, 10000));
	EXPECT_EQ(0, cx_status(cx, 0));
	EXPECT_EQ(CHECK_CONDITION, scsi_in(cx, CDB(0), 0));
	EXPECT_EQ(0x0629, cx_sense(cx, 0) >> 8);
	EXPECT_EQ(0, scsi_in(cx, CDB(0), 0));
}

TEST_HARNESS_MAIN
