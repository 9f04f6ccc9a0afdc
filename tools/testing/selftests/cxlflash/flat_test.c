// SPDX-License-Identifier: GPL-2.0-only
/*
 * The short way of usual commands against the long one
 *
 * Two contexts of one adapter are sent the same batches, random ones with all
 * kinds of mistakes in them.  One of the contexts has a rate limit that it
 * never reaches, so its commands go the long way; statuses, data and the
 * medium must be the same.  Each has its half of the disk.
 */
#include "cx_lib.h"

#include "kselftest_harness.h"

#define HALF		16384ULL	/* blocks of each */
#define DISK		(2 * HALF)
#define ROUNDS		120
#define BATCH_MAX	40
#define AREA		16384		/* bytes of data of a command */
#define NR_AREAS	64

FIXTURE(flat) {
	struct cx cx[2];
	int handle[2];
	unsigned int seed;
};

FIXTURE_VARIANT(flat) {
	const char *store;
	const char *path;
	uint64_t nr_chunks;
	uint32_t service;
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(flat, ram_kick) {
	.store = "ram",
	.service = 1,
};

FIXTURE_VARIANT_ADD(flat, ram_polled_by_page) {
	.store = "ram",
	.flags = CXTEST_BY_PAGE,
};

FIXTURE_VARIANT_ADD(flat, ram_virtual) {
	.store = "ram",
	.nr_chunks = 1,
	.service = 1,
};

FIXTURE_VARIANT_ADD(flat, file_kick) {
	.store = "file",
	.path = "/tmp/flat_test.img",
	.service = 1,
};

FIXTURE_VARIANT_ADD(flat, file_polled_by_page) {
	.store = "file",
	.path = "/tmp/flat_test.img",
	.flags = CXTEST_BY_PAGE,
};

static unsigned int any(unsigned int *seed, unsigned int below)
{
	return rand_r(seed) % below;
}

FIXTURE_SETUP(flat)
{
	const char *text = getenv("VFIO_TEST_SEED");
	struct cxtest_limits limits = { .iops = 1000000000 };
	int fd;

	self->seed = text ? strtoul(text, NULL, 0) : 1;
	self->cx[0].fd = -1;
	self->cx[1].fd = -1;
	if (variant->path) {
		fd = open(variant->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ftruncate(fd, DISK * 4096));
		close(fd);
	}
	/* Chunks are of 256 MiB. */
	ASSERT_EQ(0, cx_world_on(variant->store, variant->path,
				 variant->nr_chunks ? "512M" : "128M", 4096));
	for (int i = 0; i < 2; i++) {
		struct cx *cx = &self->cx[i];

		ASSERT_EQ(0, cx_open(cx, "t", CAP_USER | CAP_GSCSI, 64,
				     variant->service, variant->flags));
		cx_sq(cx, BATCH_MAX + 1);
		self->handle[i] = cx_handle(cx, 0, 0, H_READ | H_WRITE,
					    variant->nr_chunks);
		ASSERT_LE(0, self->handle[i]);
	}
	ASSERT_EQ(0, ioctl(self->cx[1].fd, CXTEST_LIMITS, &limits));
}

FIXTURE_TEARDOWN(flat)
{
	cx_close(&self->cx[0]);
	cx_close(&self->cx[1]);
	cx_world_end();
	if (variant->path)
		unlink(variant->path);
}

/**
 * struct cmd - one of a batch, for both contexts
 * @write: direction by the CDB
 * @lba: in the half; or beyond the disk, if @beyond
 * @nr: blocks
 * @len: bytes of data that are offered
 * @bytes: of the CDB
 * @mistake: what is wrong with it
 * @beyond: @lba is not in a half
 */
struct cmd {
	bool write;
	bool beyond;
	uint64_t lba;
	uint32_t nr;
	uint32_t len;
	unsigned int bytes;
	unsigned int mistake;
};

enum {
	GOOD = 0,
	BAD_HANDLE = 10, BAD_CTX, BAD_DIRECTION, BAD_LENGTH, BAD_OPCODE,
	BEYOND, FUA, NOTHING, TIMEOUT, BAD_BITS, UNALIGNED_DATA,
	BE_SHORT, NACA, DPO, NR_MISTAKES,
};

/* @last: it shall go on where that ends, as a rule; NULL: anywhere */
static void make_cmd(struct cmd *c, unsigned int slot, uint64_t end,
		     const struct cmd *last, unsigned int *seed)
{
	static const unsigned int forms[] = { 16, 16, 12, 10, 10, 6 };

	*c = (struct cmd){
		.write = any(seed, 2),
		.bytes = forms[any(seed, 6)],
		.nr = 1 + any(seed, AREA / 4096),
		.mistake = any(seed, 2 * NR_MISTAKES),
	};
	/* Those of a batch do not touch one another's blocks. */
	c->lba = (uint64_t)slot * 16 * (1 + any(seed, 20)) % (HALF / 2);
	c->lba = c->lba / (NR_AREAS * 16) * (NR_AREAS * 16) + slot * 16 +
		 any(seed, 8);
	if (last) {
		c->lba = last->lba + last->nr + (any(seed, 4) ? 0 : 3);
		c->write = any(seed, 5) ? last->write : !last->write;
	}
	if (c->mistake == BEYOND && !last) {
		c->beyond = true;
		c->lba = end - any(seed, c->nr);
	}
	if (c->mistake == NOTHING)
		c->nr = 0;
	/* Where none are 256, and flags are a part of the LBA. */
	if (c->bytes == 6 && (!c->nr || c->mistake == FUA || c->mistake == DPO))
		c->bytes = 16;
	c->len = c->nr * 4096;
	if (c->mistake == BAD_LENGTH)
		c->len = c->len / 2 + 512;
	if (c->mistake == BE_SHORT)
		c->len += 512;
}

/* READ or WRITE in the form of so many bytes. */
static void make_cdb(uint8_t cdb[16], unsigned int bytes, bool write,
		     uint32_t lba, uint32_t nr)
{
	uint8_t op = write ? 2 : 0;

	cx_cdb_rw(cdb, write, lba, nr);
	if (bytes == 16)
		return;
	memset(cdb, 0, 16);
	if (bytes == 6) {
		cdb[0] = 0x08 + op;
		cdb[1] = lba >> 16;
		cdb[2] = lba >> 8;
		cdb[3] = lba;
		cdb[4] = nr;
		return;
	}
	cdb[0] = (bytes == 10 ? 0x28 : 0xa8) + op;
	for (int i = 0; i < 4; i++)
		cdb[2 + i] = lba >> (24 - 8 * i);
	cdb[bytes == 10 ? 7 : 8] = nr >> 8;
	cdb[bytes == 10 ? 8 : 9] = nr;
}

static void put_cmd(struct cx *cx, int handle, unsigned int slot,
		    const struct cmd *c, uint64_t base)
{
	uint16_t flags = F_HNDL | (c->write ? F_WRITE : 0);
	struct cx_arcb *arcb;
	uint64_t off = (uint64_t)slot * 2 * AREA;
	uint8_t cdb[16];

	make_cdb(cdb, c->bytes, c->write, c->lba + (c->beyond ? 0 : base),
		 c->nr);
	if (c->mistake == FUA)
		cdb[1] |= 0x08;
	if (c->mistake == DPO)
		cdb[1] |= 0x10;
	if (c->mistake == BAD_BITS)
		cdb[1] |= 0x20;
	if (c->mistake == NACA)
		cdb[c->bytes - 1] |= 0x04;
	if (c->mistake == BAD_OPCODE)
		cdb[0] = 0x9f;
	if (c->mistake == BAD_DIRECTION)
		flags ^= F_WRITE;
	if (c->mistake == UNALIGNED_DATA)
		off += 8;
	arcb = cx_prepare(cx, slot, flags,
			  c->mistake == BAD_HANDLE ? 77 : handle, cdb, 16, off,
			  c->len);
	if (c->mistake == BAD_CTX)
		arcb->ctx_id++;
	if (c->mistake == TIMEOUT)
		arcb->timeout = 1000;
}

TEST_F(flat, both_ways_agree)
{
	const uint64_t end = variant->nr_chunks ? 65536 : DISK;
	unsigned int *seed = &self->seed, nr, good = 0, bad = 0, fill;
	struct cmd cmd[BATCH_MAX], *last;
	struct cx *a = &self->cx[0], *b = &self->cx[1];

	TH_LOG("VFIO_TEST_SEED=%u", *seed);
	for (int round = 0; round < ROUNDS; round++) {
		nr = 1 + any(seed, BATCH_MAX);
		fill = any(seed, 1 << 30);
		cx_fill(cx_data(a, 0), NR_AREAS * 2 * AREA, fill);
		cx_fill(cx_data(b, 0), NR_AREAS * 2 * AREA, fill);
		for (unsigned int i = 0; i < nr; i++) {
			/* Every other round has them side by side. */
			last = i && round % 2 && !cmd[i - 1].beyond ?
			       &cmd[i - 1] : NULL;
			make_cmd(&cmd[i], i, end, last, seed);
			put_cmd(a, self->handle[0], i, &cmd[i], 0);
			put_cmd(b, self->handle[1], i, &cmd[i], HALF);
		}
		ASSERT_EQ(0, cx_run_batch(a, nr));
		ASSERT_EQ(0, cx_run_batch(b, nr));
		for (unsigned int i = 0; i < nr; i++) {
			ASSERT_EQ(0, memcmp(&cx_slot(a, i)->asa,
					    &cx_slot(b, i)->asa, 64))
				TH_LOG("round %d, command %u, mistake %u: %x %x",
				       round, i, cmd[i].mistake,
				       cx_status(a, i), cx_status(b, i));
			if (cx_status(a, i) << 8)
				bad++;
			else
				good++;
		}
		ASSERT_EQ(0, memcmp(cx_data(a, 0), cx_data(b, 0),
				    NR_AREAS * 2 * AREA))
			TH_LOG("round %d: data", round);
	}
	EXPECT_EQ(0, a->strays);
	EXPECT_EQ(0, b->strays);
	/* There was something of either kind to be compared. */
	EXPECT_LT(100, good);
	EXPECT_LT(100, bad);
}

/* What was written by one way is read by the other, block by block. */
TEST_F(flat, the_medium_is_the_same)
{
	struct cx *a = &self->cx[0], *b = &self->cx[1];
	unsigned int other = variant->nr_chunks ? 1 : 0;

	for (unsigned int i = 0; i < 64; i++) {
		cx_fill(cx_data(a, 0), 8192, i + 1);
		ASSERT_EQ(0, cx_rw(a, 0, true, self->handle[0], i * 3, 2, 0,
				   8192));
		/* A virtual handle has chunks of its own. */
		if (other)
			b = a;
		memset(cx_data(b, 65536), 0, 8192);
		ASSERT_EQ(0, cx_rw(b, 1, false,
				   self->handle[other ? 0 : 1], i * 3, 2,
				   65536, 8192));
		ASSERT_TRUE(cx_check(cx_data(b, 65536), 8192, i + 1));
	}
}

/*
 * Reads that went to the store as one request fail one by one: a loop device
 * whose file ends in the middle of them.
 */
TEST(an_error_among_many_is_its_own_commands)
{
	const uint64_t end = 16384 - 7;
	char device[32] = "", command[64];
	struct cx cx;
	FILE *losetup;
	int handle;

	ASSERT_EQ(0, system("modprobe loop; rm -f /tmp/many.img; "
			    "truncate -s 128M /tmp/many.img"));
	losetup = popen("losetup -f --show /tmp/many.img", "r");
	ASSERT_NE(NULL, losetup);
	ASSERT_EQ(1, fscanf(losetup, "%31s", device));
	pclose(losetup);
	ASSERT_EQ(0, cx_world_on("block", device, NULL, 4096));
	ASSERT_EQ(0, cx_open(&cx, "t", CAP_USER | CAP_GSCSI, 64, 1, 0));
	cx_sq(&cx, BATCH_MAX + 1);
	handle = cx_handle(&cx, 0, 0, H_READ | H_WRITE, 0);
	ASSERT_LE(0, handle);
	for (unsigned int i = 0; i < 8; i++) {
		cx_fill(cx_data(&cx, 0), 4096, i);
		ASSERT_EQ(0, cx_rw(&cx, 0, true, handle, end - 8 + i, 1, 0,
				   4096));
	}
	ASSERT_EQ(0, truncate("/tmp/many.img", end * 4096));
	for (unsigned int i = 0; i < 16; i++)
		put_cmd(&cx, handle, i, &(struct cmd){
			.lba = end - 8 + i,
			.nr = 1,
			.len = 4096,
		}, 0);
	ASSERT_EQ(0, cx_run_batch(&cx, 16));
	for (unsigned int i = 0; i < 16; i++) {
		if (i >= 8) {
			EXPECT_EQ(0x02, cx_status(&cx, i) >> 8 & 0xff);
			EXPECT_EQ(0x044400, cx_sense(&cx, i));
			continue;
		}
		EXPECT_EQ(0, cx_status(&cx, i));
		cx_fill(cx_data(&cx, 32 * 2 * AREA), 4096, i);
		EXPECT_EQ(0, memcmp(cx_data(&cx, 32 * 2 * AREA),
				    cx_data(&cx, i * 2 * AREA), 4096));
	}
	EXPECT_EQ(0, cx.strays);
	EXPECT_EQ(64, cx_read(&cx, R_CMD_ROOM));
	cx_close(&cx);
	cx_world_end();
	snprintf(command, sizeof(command), "losetup -d %s", device);
	ASSERT_EQ(0, system(command));
	unlink("/tmp/many.img");
}

TEST_HARNESS_MAIN
