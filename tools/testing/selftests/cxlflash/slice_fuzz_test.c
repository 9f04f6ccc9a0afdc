// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest: random configuration space, registers, rings, IOARCBs,
 * mappings, interrupts and resets, beside a slice whose user must not notice
 *
 * VFIO_TEST_SECONDS says how long, VFIO_TEST_SEED repeats a run.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "kselftest_harness.h"
#include "slice_client.h"

#define PAGE		4096ULL

static unsigned int seconds(unsigned int by_default)
{
	const char *text = getenv("VFIO_TEST_SECONDS");

	return text && *text ? strtoul(text, NULL, 0) : by_default;
}

static void seed_random(void)
{
	const char *text = getenv("VFIO_TEST_SEED");
	unsigned int seed = text && *text ? strtoul(text, NULL, 0) :
			    vfio_now_ms();

	srandom(seed);
	vfio_note("seed %u", seed);
}

static uint64_t rnd(void)
{
	return (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ random();
}

/* An address that is mapped, or nearly, or might be, or is not. */
static uint64_t rnd_ea(void)
{
	switch (random() % 8) {
	case 0:
		return rnd();
	case 1:
		return CLIENT_IOVA + CLIENT_MEM - 64 + random() % 128;
	case 2:
		return CLIENT_IOVA - 64 + random() % 128;
	case 3:
		return 0ULL - random() % 8192;
	case 4:
		return CLIENT_IOVA + random() % CLIENT_MEM;
	default:
		return CLIENT_IOVA + (random() % CLIENT_MEM & ~15ULL);
	}
}

/* --- what the guest does */

static void fuzz_reg(struct client *c)
{
	static const uint32_t regs[] = {
		R_ENDIAN, R_INTR_CLEAR, R_INTR_MASK, R_IOARRIN, R_RRQ_START,
		R_RRQ_END, R_CTX_CTRL, R_SQ_START, R_SQ_END, R_SQ_TAIL,
		R_SQ_RESET, R_SHADOW, R_COALESCE, R_KICK, S_EVENTS,
	};
	unsigned int q = random() % 5;
	uint32_t reg = regs[random() % VFIO_ARRAY_SIZE(regs)];
	uint64_t v = random() % 3 ? rnd_ea() : random() % 4;

	if (reg == R_ENDIAN && random() % 2)
		v = CX_BE;
	if (random() % 8 == 0)
		reg = random() % CLIENT_AREA & ~7u;
	/* The area behind the last queue's may not be there. */
	if (q == 4) {
		uint64_t be = htobe64(v);

		pwrite(c->u.device, &be, 1 + random() % 8, c->regs +
		       random() % (5 * CLIENT_AREA));
		return;
	}
	client_put(c, q, reg, v);
	client_get(c, q, reg);
}

static void fuzz_region(struct client *c)
{
	uint64_t base[] = { c->regs, c->msix, c->cfg, rnd() >> 1 };
	uint8_t buf[64];
	unsigned int i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = random();
	i = random() % 4;
	if (random() % 2)
		pwrite(c->u.device, buf, random() % 64,
		       base[i] + random() % 0x1100);
	else
		pread(c->u.device, buf, random() % 64,
		      base[i] + random() % 0x1100);
}

/* Something that looks like an IOARCB, somewhere. */
static void fuzz_arcb(struct client *c, struct cx_arcb *arcb)
{
	client_arcb_rw(arcb, random() % 2, random() % 70000, random() % 300,
		       rnd_ea());
	if (random() % 4 == 0)
		((uint8_t *)arcb)[random() % 64] = random();
	if (random() % 4 == 0)
		arcb->data_len = random();
	if (random() % 4 == 0)
		arcb->ioadl_len = random() % 8 ? 16 * (random() % 40) :
				  random();
	if (random() % 8 == 0)
		arcb->flags = random();
	if (random() % 8 == 0)
		arcb->cdb[0] = random();
	arcb->msi = random() % 6;
}

static void fuzz_submit(struct client *c)
{
	unsigned int q = random() % c->nr_queues, i;
	uint64_t *shadow = (void *)client_mem(c, q, CLIENT_SHADOW);
	struct cx_arcb arcb;
	uint64_t at;

	for (i = 0; i < 8; i++) {
		fuzz_arcb(c, &arcb);
		arcb.ctx_id = c->q[q].ctx_id;
		arcb.ioasa_ea = random() % 4 ? client_ea(q, CLIENT_ASA) +
				random() % CLIENT_DEPTH * 64 : rnd_ea();
		at = random() % 2 ? CLIENT_SQ + random() % CLIENT_DEPTH * 64 :
		     random() % (CLIENT_MEM / 2) & ~15ULL;
		memcpy(client_mem(c, q, 0) + at, &arcb, 64);
		if (random() % 2)
			client_put(c, q, R_IOARRIN, client_ea(q, at));
	}
	__atomic_fetch_add(shadow, random() % 16 ? (uint64_t)random() % 8 :
			   rnd(), __ATOMIC_RELEASE);
	client_put(c, q, R_KICK, 1);
}

static void fuzz_mapping(struct client *c)
{
	uint64_t off = random() % (CLIENT_MEM / PAGE) * PAGE;

	/* All of it is one mapping: it comes again in pieces, or as a whole. */
	__vfio_unmap(c->u.container, CLIENT_IOVA, CLIENT_MEM, NULL);
	if (random() % 2 && off) {
		__vfio_map(c->u.container, c->mem, CLIENT_IOVA, off);
		__vfio_map_flags(c->u.container, random() % 2 ?
				 VFIO_DMA_MAP_FLAG_READ :
				 VFIO_DMA_MAP_FLAG_WRITE |
				 VFIO_DMA_MAP_FLAG_READ, c->mem + off,
				 CLIENT_IOVA + off, CLIENT_MEM - off);
	} else {
		__vfio_map(c->u.container, c->mem, CLIENT_IOVA, CLIENT_MEM);
	}
}

static void fuzz_irqs(struct client *c)
{
	uint32_t flags = 1u << random() % 3 | 8u << random() % 3;
	int32_t fds[16];
	unsigned int i;

	for (i = 0; i < 16; i++)
		fds[i] = random() % 2 ? -1 : (int)(random() % 32);
	__vfio_set_irqs(c->u.device, flags, random() % 5, random() % 6,
			random() % 8, fds, sizeof(fds));
}

static void fuzz_life(struct client *c)
{
	uint32_t exp = client_cap(c, PCI_CAP_ID_EXP);
	unsigned int q;

	switch (random() % 4) {
	case 0:
		client_cfg_put(c, exp + PCI_EXP_DEVCTL, 2,
			       PCI_EXP_DEVCTL_BCR_FLR);
		break;
	case 1:
		__vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
		break;
	case 2:
		client_command(c, random());
		break;
	default:
		close(c->u.device);
		c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
	}
	client_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (q = 0; q < c->nr_queues; q++)
		client_queue_start(c, q);
}

static void fuzz_step(struct client *c)
{
	switch (random() % 64) {
	case 0:
		return fuzz_life(c);
	case 1:
		return fuzz_mapping(c);
	case 2 ... 4:
		return fuzz_irqs(c);
	case 5 ... 12:
		return fuzz_region(c);
	case 13 ... 36:
		return fuzz_reg(c);
	default:
		return fuzz_submit(c);
	}
}

/* --- the neighbour */

static atomic_bool stop;

static void *neighbour(void *arg)
{
	struct client *c = arg;
	unsigned int n = 0, q;
	uint64_t ea = CLIENT_IOVA + CLIENT_DATA;
	uint8_t *mem = c->mem + CLIENT_DATA;

	while (!atomic_load(&stop)) {
		q = ++n % c->nr_queues;
		vfio_pattern_fill(mem, 2 * PAGE, n);
		VFIO_CHECK(!client_rw(c, q, true, n % 1000 * 2, 2, ea));
		memset(mem + 8 * PAGE, 0, 2 * PAGE);
		VFIO_CHECK(!client_rw(c, q, false, n % 1000 * 2, 2,
				      ea + 8 * PAGE));
		VFIO_CHECK(vfio_pattern_matches(mem + 8 * PAGE, 2 * PAGE, n));
	}
	return NULL;
}

FIXTURE(fuzz)
{
	struct client c;
	struct client other;
};

FIXTURE_VARIANT(fuzz)
{
	const char *store;
	const char *path;
};

FIXTURE_VARIANT_ADD(fuzz, ram) { .store = "ram" };
FIXTURE_VARIANT_ADD(fuzz, block) { .store = "block", .path = "/dev/ram0" };

FIXTURE_SETUP(fuzz)
{
	char path[VFIO_PATH_LEN];

	seed_random();
	client_world(variant->store, variant->path,
		     variant->path ? NULL : "768M");
	/* Two chunks for two slices. */
	client_open(&self->c);
	vfio_mdev_path(self->c.u.uuid, "size", path);
	vfio_attr_write(path, "%u", 256U << 20);
	client_open(&self->other);
	/*
	 * The first write to a chunk waits until 256 MiB are zeroes: not later,
	 * as who opens a slice again meanwhile is told that it is busy.
	 */
	ASSERT_EQ(0, client_rw(&self->c, 0, true, 0, 1, CLIENT_IOVA +
			       CLIENT_DATA));
	ASSERT_EQ(0, client_rw(&self->other, 0, true, 0, 1, CLIENT_IOVA +
			       CLIENT_DATA));
}

FIXTURE_TEARDOWN(fuzz)
{
	client_close(&self->other);
	client_close(&self->c);
	client_world_end();
}

TEST_F_TIMEOUT(fuzz, nobody_else_notices, 3600)
{
	struct client *c = &self->c;
	uint64_t end = vfio_now_ms() + seconds(10) * 1000ULL;
	unsigned int q, i, steps = 0;
	pthread_t thread;

	atomic_store(&stop, false);
	ASSERT_EQ(0, pthread_create(&thread, NULL, neighbour, &self->other));
	while (vfio_now_ms() < end)
		for (i = 0; i < 100; i++, steps++)
			fuzz_step(c);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	vfio_note("%u steps", steps);
	/* After a reset it works again. */
	__vfio_unmap(c->u.container, CLIENT_IOVA, CLIENT_MEM, NULL);
	vfio_map(c->u.container, c->mem, CLIENT_IOVA, CLIENT_MEM);
	vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
	client_start(c);
	for (q = 0; q < c->nr_queues; q++)
		EXPECT_EQ(0, client_rw(c, q, false, 0, 1, CLIENT_IOVA +
				       CLIENT_DATA));
}

TEST_HARNESS_MAIN
