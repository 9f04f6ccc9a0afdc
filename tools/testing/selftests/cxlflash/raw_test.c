// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers, rings and states of a raw context
 */
#include "cx_lib.h"

#include "kselftest_harness.h"

#define ALL_ONES	(~0ULL)

FIXTURE(raw) {
	struct cx cx;
};

FIXTURE_SETUP(raw)
{
	self->cx.fd = -1;
	ASSERT_EQ(0, cx_world("ram", "512M", 4096));
	ASSERT_EQ(0, cx_open(&self->cx, "t", CAP_ALL, 0, 1, 0));
}

FIXTURE_TEARDOWN(raw)
{
	cx_close(&self->cx);
	cx_world_end();
}

TEST_F(raw, registers_of_a_new_context)
{
	struct cx *cx = &self->cx;

	EXPECT_EQ(0, cx_read(cx, R_INTR_STATUS));
	EXPECT_EQ(64, cx_read(cx, R_CMD_ROOM));
	EXPECT_EQ(0, cx_read(cx, R_IOARRIN) & 1);
	EXPECT_EQ(1ULL << 63, cx_read(cx, R_CTX_CTRL));
	EXPECT_EQ(cx_ea(CX_RRQ_OFF), cx_read(cx, R_RRQ_START));
	EXPECT_EQ(cx_ea(CX_RRQ_OFF) + CX_PAGE - 8, cx_read(cx, R_RRQ_END));
	EXPECT_NE(0, cx_read(cx, R_FEATURES) & 1);
}

TEST_F(raw, registers_that_are_not_there_read_zero)
{
	struct cx *cx = &self->cx;

	EXPECT_EQ(0, cx_read(cx, 0x1000));
	EXPECT_EQ(0, cx_read(cx, 0xfff8));
	cx_write(cx, 0x1000, 5);
	cx_write(cx, 0xfff8, 5);
	EXPECT_EQ(0, cx_read(cx, 0x1000));
	EXPECT_EQ(0, cx_read(cx, 0xfff8));
}

TEST_F(raw, control_keeps_the_lisn_only)
{
	struct cx *cx = &self->cx;

	cx_write(cx, R_CTX_CTRL, ALL_ONES);
	EXPECT_EQ(1ULL << 63 | 0xff, cx_read(cx, R_CTX_CTRL));
	cx_write(cx, R_CTX_CTRL, 1);
	EXPECT_EQ(1ULL << 63 | 1, cx_read(cx, R_CTX_CTRL));
}

TEST_F(raw, too_many_commands_raise_cmd_room)
{
	struct cx *cx = &self->cx;

	/*
	 * Slow commands leave no slot free; as many again wait in the register,
	 * for programs that do not look at the room.
	 */
	cx_write(cx, R_CTX_CTRL, 1);
	cx_write(cx, R_INTR_MASK, ~0x1fULL);
	ASSERT_EQ(0, cx_set("2500", "adapters/t/faults/slow_ms"));
	for (int i = 0; i < 134; i++) {
		if (i == 70)
			EXPECT_EQ(0, cx_read(cx, R_CMD_ROOM));
		cx_prepare(cx, i, 0, 1, (uint8_t[16]){ 0x88, [13] = 1 }, 16,
			   i * 4096, 4096);
		cx_submit(cx, i);
	}
	EXPECT_EQ(0x10, cx_read(cx, R_INTR_STATUS) & 0x10);
	EXPECT_NE(0, cx_events(cx).irqs[1]);
	cx_write(cx, R_INTR_CLEAR, 0x10);
	EXPECT_EQ(0, cx_read(cx, R_INTR_STATUS) & 0x10);
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/slow_ms"));
	for (int i = 0; i < 128; i++)
		EXPECT_EQ(0, cx_wait(cx, i, 20000));
	EXPECT_EQ(64, cx_read(cx, R_CMD_ROOM));
	EXPECT_FALSE(cx->done[130]);
}

static void wrap_around(struct __test_metadata *_metadata, struct cx *cx,
			int rounds)
{
	uint8_t tur[6] = { };

	for (int i = 0; i < rounds; i++)
		ASSERT_EQ(0, cx_scsi(cx, i % 4, 0, tur, 6, 0, 0, false));
	EXPECT_EQ(0, cx->strays);
}

TEST_F(raw, the_toggle_flips_at_each_wrap)
{
	cx_rrq(&self->cx, 4);
	wrap_around(_metadata, &self->cx, 41);
}

TEST_F(raw, a_ring_of_one_entry)
{
	cx_rrq(&self->cx, 1);
	wrap_around(_metadata, &self->cx, 9);
}

TEST_F(raw, a_new_ring_begins_with_toggle_one)
{
	cx_rrq(&self->cx, 4);
	wrap_around(_metadata, &self->cx, 5);
	cx_rrq(&self->cx, 3);
	wrap_around(_metadata, &self->cx, 10);
}

TEST_F(raw, big_endian_context)
{
	struct cx *cx = &self->cx;

	cx_write(cx, R_ENDIAN, CX_BE);
	cx->be = true;
	wrap_around(_metadata, cx, 10);
	cx_write(cx, R_ENDIAN, 0);
	cx->be = false;
	wrap_around(_metadata, cx, 3);
}

TEST_F(raw, submission_queue)
{
	struct cx *cx = &self->cx;

	cx_sq(cx, 4);
	EXPECT_EQ(cx_ea(CX_SQ_OFF), cx_read(cx, R_SQ_START));
	EXPECT_EQ(cx_ea(CX_SQ_OFF) + 3 * 64, cx_read(cx, R_SQ_END));
	wrap_around(_metadata, cx, 21);
	EXPECT_EQ(cx_read(cx, R_SQ_TAIL), cx_read(cx, R_SQ_HEAD));
}

TEST_F(raw, submission_queue_of_many_at_once)
{
	struct cx *cx = &self->cx;
	uint8_t *sq;

	cx_sq(cx, 32);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 31; i++) {
			cx_prepare(cx, i, 0, 1, (uint8_t[6]){ }, 6, 0, 0);
			sq = cx->arena + CX_SQ_OFF + cx->sq_tail * 64;
			memcpy(sq, &cx_slot(cx, i)->arcb, 64);
			cx->busy[i] = true;
			cx->sq_tail = (cx->sq_tail + 1) % 32;
		}
		cx_write(cx, R_SQ_TAIL, cx_ea(CX_SQ_OFF + cx->sq_tail * 64));
		for (int i = 0; i < 31; i++) {
			ASSERT_EQ(0, cx_wait(cx, i, 5000));
			EXPECT_EQ(0, cx_status(cx, i));
		}
	}
}

TEST_F(raw, shadow_tail_needs_no_doorbell_while_polled)
{
	struct cx *cx = &self->cx;
	volatile uint64_t *shadow = (void *)(cx->arena + CX_SHADOW_OFF);
	uint64_t tail = 0;

	ASSERT_EQ(0, cx_do(cx, CXTEST_DO_SERVICE, 0));
	shadow[0] = 0;
	shadow[1] = 0;
	cx_sq(cx, 16);
	cx_write(cx, R_SHADOW, cx_ea(CX_SHADOW_OFF));
	for (int i = 0; i < 200; i++) {
		cx_prepare(cx, i % 8, 0, 1, (uint8_t[6]){ }, 6, 0, 0);
		memcpy(cx->arena + CX_SQ_OFF + tail % 16 * 64,
		       &cx_slot(cx, i % 8)->arcb, 64);
		cx->busy[i % 8] = true;
		__atomic_store_n(&shadow[0], tail + 1, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		/* The engine sleeps and wants to hear of this one. */
		if (shadow[1] == tail)
			cx_write(cx, R_KICK, 1);
		tail++;
		ASSERT_EQ(0, cx_wait(cx, i % 8, 5000));
		if (i % 50 == 49)
			usleep(100000);
	}
}

TEST_F(raw, reset_drops_what_is_queued)
{
	struct cx *cx = &self->cx;

	ASSERT_EQ(0, cx_set("1500", "adapters/t/faults/slow_ms"));
	for (int i = 0; i < 8; i++) {
		cx_prepare(cx, i, 0, 1, (uint8_t[16]){ 0x88, [13] = 1 }, 16,
			   i * 4096, 4096);
		cx_submit(cx, i);
	}
	cx_write(cx, R_IOARRIN, 1);
	EXPECT_EQ(0, cx_do(cx, CXTEST_DO_RESET, 5000));
	EXPECT_EQ(0, cx_read(cx, R_IOARRIN) & 1);
	ASSERT_EQ(0, cx_set("0", "adapters/t/faults/slow_ms"));
	usleep(1700000);
	while (cx_reap(cx))
		;
	for (int i = 0; i < 8; i++)
		EXPECT_FALSE(cx->done[i]);
	EXPECT_EQ(0, cx->strays);
	/* Pointer and toggle of the ring went on. */
	wrap_around(_metadata, cx, 3);
}

TEST_F(raw, reset_by_the_queue_register)
{
	struct cx *cx = &self->cx;

	cx_write(cx, R_SQ_RESET, 1);
	for (int i = 0; i < 1000 && cx_read(cx, R_SQ_RESET) & 1; i++)
		usleep(1000);
	EXPECT_EQ(0, cx_read(cx, R_SQ_RESET) & 1);
	wrap_around(_metadata, cx, 3);
}

TEST_F(raw, a_failed_context_reads_all_ones)
{
	struct cx *cx = &self->cx;

	EXPECT_EQ(0, cx_do(cx, CXTEST_DO_FAIL, 0));
	EXPECT_EQ(ALL_ONES, cx_read(cx, R_CMD_ROOM));
	EXPECT_EQ(ALL_ONES, cx_read(cx, R_INTR_STATUS));
	EXPECT_EQ(ALL_ONES, cx_read(cx, 0x1000));
	cx_write(cx, R_CTX_CTRL, 1);
	cx_prepare(cx, 0, 0, 1, (uint8_t[6]){ }, 6, 0, 0);
	cx_submit(cx, 0);
	EXPECT_EQ(-ETIMEDOUT, cx_wait(cx, 0, 200));
	EXPECT_EQ(2, cx_events(cx).state);
	EXPECT_EQ(0, cx_do(cx, CXTEST_DO_RESTART, 0));
	EXPECT_EQ(1ULL << 63, cx_read(cx, R_CTX_CTRL));
	cx_rrq(cx, 8);
	wrap_around(_metadata, cx, 10);
}

TEST_F(raw, an_adapter_reset_restarts_contexts)
{
	struct cx *cx = &self->cx;

	EXPECT_EQ(0, cx_do(cx, CXTEST_DO_ADAPTER_RESET, 0));
	EXPECT_EQ(0, cx_events(cx).state);
	cx_rrq(cx, 8);
	wrap_around(_metadata, cx, 10);
}

TEST_F(raw, a_context_outlives_its_adapter_in_error)
{
	struct cx *cx = &self->cx;

	ASSERT_EQ(0, cx_adapter_live("t", false));
	EXPECT_EQ(ALL_ONES, cx_read(cx, R_CMD_ROOM));
	EXPECT_GE(cx_events(cx).state, 2);
	EXPECT_NE(0, cx_do(cx, CXTEST_DO_RESTART, 0));
	EXPECT_NE(0, cx_do(cx, CXTEST_DO_ADAPTER_RESET, 0));
	EXPECT_EQ(ALL_ONES, cx_read(cx, R_CMD_ROOM));
}

TEST_F_TIMEOUT(raw, contexts_of_users_are_508, 180)
{
	struct cx *more = calloc(510, sizeof(*more));
	struct cxtest_create create = {
		.adapter = "t",
		.caps = CAP_USER,
		.service = 1,
		.flags = CXTEST_USER,
		.nr_pages = 1,
	};
	int made = 0;

	ASSERT_NE(NULL, more);
	for (int i = 0; i < 510; i++) {
		more[i].fd = open("/dev/cxtest", O_RDWR | O_CLOEXEC);
		ASSERT_GE(more[i].fd, 0);
		if (!ioctl(more[i].fd, CXTEST_CREATE, &create))
			made++;
	}
	EXPECT_EQ(508, made);
	/* Those that do not count still fit. */
	create.flags = 0;
	EXPECT_EQ(0, ioctl(more[509].fd, CXTEST_CREATE, &create));
	for (int i = 0; i < 510; i++)
		close(more[i].fd);
	free(more);
}

FIXTURE(service) {
	struct cx cx;
};

FIXTURE_VARIANT(service) {
	uint32_t mode;
};

FIXTURE_VARIANT_ADD(service, polled) { .mode = 0 };
FIXTURE_VARIANT_ADD(service, kick) { .mode = 1 };
FIXTURE_VARIANT_ADD(service, irq) { .mode = 2 };

FIXTURE_SETUP(service)
{
	self->cx.fd = -1;
	ASSERT_EQ(0, cx_world("ram", "512M", 4096));
	ASSERT_EQ(0, cx_open(&self->cx, "t", CAP_ALL, 0, variant->mode, 0));
}

FIXTURE_TEARDOWN(service)
{
	cx_close(&self->cx);
	cx_world_end();
}

TEST_F(service, commands_complete_after_any_pause)
{
	for (int i = 0; i < 5; i++) {
		wrap_around(_metadata, &self->cx, 20);
		usleep(i * 50000);
	}
}

TEST_F(service, mode_changes_under_load)
{
	struct cx *cx = &self->cx;

	for (uint32_t i = 0; i < 30; i++) {
		ASSERT_EQ(0, cx_do(cx, CXTEST_DO_SERVICE, i % 3));
		wrap_around(_metadata, cx, 10);
	}
	EXPECT_EQ(-EINVAL, cx_do(cx, CXTEST_DO_SERVICE, 3));
}

TEST_F(service, interrupts_are_coalesced_by_count_and_time)
{
	struct cx *cx = &self->cx;
	uint64_t before;

	cx_write(cx, R_COALESCE, 8 | 200000ULL % 65536 << 16);
	before = cx_events(cx).irqs[2];
	for (int i = 0; i < 32; i++) {
		cx_prepare(cx, i, 0, 1, (uint8_t[6]){ }, 6, 0, 0)->msi = 2;
		cx_submit(cx, i);
		ASSERT_EQ(0, cx_wait(cx, i, 5000));
	}
	EXPECT_LE(cx_events(cx).irqs[2] - before, 32);
	usleep(300000);
	EXPECT_GE(cx_events(cx).irqs[2] - before, 1);
	/* None without msi. */
	before = cx_events(cx).irqs[2];
	wrap_around(_metadata, cx, 5);
	usleep(100000);
	EXPECT_EQ(before, cx_events(cx).irqs[2]);
}

TEST_F(service, a_rate_limit_holds)
{
	struct cx *cx = &self->cx;
	struct cxtest_limits limits = { .iops = 100, .burst_ms = 10 };
	long long begin;

	ASSERT_EQ(0, ioctl(cx->fd, CXTEST_LIMITS, &limits));
	begin = cx_now_ms();
	for (int i = 0; i < 50; i++)
		ASSERT_EQ(0, cx_rw(cx, 0, false,
				   i ? 0 : cx_handle(cx, 0, 0, H_READ, 0), 0, 1,
				   0, 4096));
	EXPECT_GE(cx_now_ms() - begin, 470);
	limits.iops = 0;
	ASSERT_EQ(0, ioctl(cx->fd, CXTEST_LIMITS, &limits));
}

TEST_HARNESS_MAIN
