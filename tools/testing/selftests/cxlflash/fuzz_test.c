// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anything at all in registers, rings and IOARCBs: nobody else notices, and the
 * context works again after a reset
 *
 * VFIO_TEST_SEED chooses the sequence, VFIO_TEST_SECONDS how long.
 */
#include "cx_lib.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "kselftest_harness.h"

static unsigned int seconds(unsigned int by_default)
{
	const char *text = getenv("VFIO_TEST_SECONDS");

	return text && *text ? atoi(text) : by_default;
}

static uint64_t state;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void seed_random(void)
{
	const char *text = getenv("VFIO_TEST_SEED");

	state = text && *text ? strtoull(text, NULL, 0) : 88172645463325252ULL;
	if (!state)
		state = 1;
}

static uint64_t some_ea(void)
{
	switch (random64() % 8) {
	case 0:
		return random64();
	case 1:
		return CXTEST_BASE - 1 + random64() % 3;
	case 2:
		return cx_ea(CX_ARENA_PAGES * 4096ULL) - random64() % 256;
	case 3:
		return ~0ULL - random64() % 128;
	default:
		return cx_ea(random64() % (CX_ARENA_PAGES * 4096ULL)) &
		       (random64() % 2 ? ~63ULL : ~0ULL);
	}
}

static void random_arcb(struct cx *cx, unsigned int i, int handle)
{
	static const uint8_t ops[] = { 0x88, 0x8a, 0x93, 0x28, 0x2a, 0x42, 0x12,
				       0x5f, 0x5e, 0x9e, 0xa0, 0x1a, 0x35, 0x41 };
	struct cx_arcb *arcb = &cx_slot(cx, i)->arcb;
	uint8_t *raw = (uint8_t *)arcb;

	cx_prepare(cx, i, random64() % 4 ? F_HNDL : random64(), handle,
		   "", 0, 0, 4096);
	cx_cdb_rw(arcb->cdb, random64() % 2, random64() % 200000,
		  random64() % 32);
	if (random64() % 2)
		arcb->cdb[0] = ops[random64() % sizeof(ops)];
	arcb->flags |= random64() % 2;
	arcb->data_len = random64() % 3 ? random64() % 200000 : random64();
	arcb->data_ea = some_ea();
	arcb->ioasa_ea = random64() % 2 ? some_ea() : arcb->ioasa_ea;
	arcb->ioadl_len = random64() % 4 ? 0 : random64() % 4096;
	arcb->msi = random64() % 5;
	for (unsigned int n = random64() % 4; n; n--)
		raw[random64() % sizeof(*arcb)] = random64();
}

static void random_register(struct cx *cx)
{
	static const uint32_t regs[] = {
		R_ENDIAN, R_INTR_STATUS, R_INTR_CLEAR, R_INTR_MASK, R_IOARRIN,
		R_RRQ_START, R_RRQ_END, R_CMD_ROOM, R_CTX_CTRL, R_SQ_START,
		R_SQ_END, R_SQ_HEAD, R_SQ_TAIL, R_SQ_RESET, R_SHADOW,
		R_COALESCE, R_KICK, R_FEATURES,
	};
	uint32_t reg = random64() % 10 ?
		       regs[random64() % (sizeof(regs) / sizeof(*regs))] :
		       random64();

	if (random64() % 3)
		cx_write(cx, reg, random64() % 4 ? some_ea() : random64());
	else
		cx_read(cx, reg);
}

static void fuzz_step(struct cx *cx, int handle)
{
	unsigned int i = random64() % CX_NR_SLOTS;

	switch (random64() % 8) {
	case 0:
		random_register(cx);
		break;
	case 1:
		cx_pages(cx, random64() % (CX_ARENA_PAGES * 4096ULL),
			 random64() % 65536, random64() % 3, 0);
		break;
	case 2:
		if (random64() % 50 == 0)
			cx_do(cx, CXTEST_DO_RESET, 2000);
		else if (random64() % 50 == 0)
			cx_do(cx, CXTEST_DO_SERVICE, random64() % 3);
		break;
	default:
		random_arcb(cx, i, handle);
		cx_write(cx, R_IOARRIN, cx_ea(CX_SLOT_OFF + i * 128));
	}
}

static atomic_bool stop;
static atomic_int bad;

/* Somebody else, whose data must stay what it is. */
static void *neighbour(void *arg)
{
	struct cx *cx = arg;
	int h = cx_handle(cx, 0, 1, H_READ | H_WRITE, 0);
	uint32_t n = 0;

	while (!atomic_load(&stop)) {
		n++;
		cx_fill(cx_data(cx, 0), 8192, n);
		if (cx_rw(cx, 0, true, h, n % 1000 * 2, 2, 0, 8192) ||
		    cx_rw(cx, 1, false, h, n % 1000 * 2, 2, 8192, 8192) ||
		    !cx_check(cx_data(cx, 8192), 8192, n))
			atomic_fetch_add(&bad, 1);
	}
	return NULL;
}

FIXTURE(fuzz) {
	struct cx cx;
	struct cx other;
};

FIXTURE_VARIANT(fuzz) {
	uint64_t caps;
};

FIXTURE_VARIANT_ADD(fuzz, user) { .caps = CAP_USER };
FIXTURE_VARIANT_ADD(fuzz, master) { .caps = CAP_ALL };

FIXTURE_SETUP(fuzz)
{
	self->cx.fd = self->other.fd = -1;
	seed_random();
	ASSERT_EQ(0, cx_world("ram", "512M", 4096));
	ASSERT_EQ(0, cx_lun_make("t2", "ram", NULL, "256M", 4096));
	ASSERT_EQ(0, cx_adapter_link("t", 0, 1, "t2"));
	ASSERT_EQ(0, cx_open(&self->cx, "t", variant->caps, 0, 1,
			     CXTEST_BY_PAGE));
	ASSERT_EQ(0, cx_open(&self->other, "t", CAP_USER, 0, 0, 0));
}

FIXTURE_TEARDOWN(fuzz)
{
	cx_close(&self->other);
	cx_close(&self->cx);
	cx_world_end();
	cx_lun_remove("t2");
}

TEST_F_TIMEOUT(fuzz, nobody_else_notices, 1200)
{
	struct cx *cx = &self->cx;
	int h = cx_handle(cx, 0, 0, H_READ | H_WRITE, 0);
	long long end = cx_now_ms() + seconds(10) * 1000LL;
	pthread_t thread;

	atomic_store(&stop, false);
	atomic_store(&bad, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, neighbour, &self->other));
	while (cx_now_ms() < end)
		for (int i = 0; i < 200; i++)
			fuzz_step(cx, h);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, atomic_load(&bad));
	/* It works again: a restart gives it the registers of a new context. */
	cx_do(cx, CXTEST_DO_RESET, 5000);
	cx_do(cx, CXTEST_DO_FAIL, 0);
	for (int i = 0; i < 100 && cx_do(cx, CXTEST_DO_RESTART, 0); i++)
		usleep(50000);
	ASSERT_EQ(0, cx_pages(cx, 0, CX_ARENA_PAGES * 4096ULL, CXTEST_PRESENT,
			      0));
	cx_rrq(cx, 64);
	memset(cx->busy, 0, sizeof(cx->busy));
	EXPECT_EQ(0, cx_rw(cx, 0, false, h, 0, 1, 0, 4096) & 0x7fffffff &
		  ~0xff000000);
}

TEST_HARNESS_MAIN
