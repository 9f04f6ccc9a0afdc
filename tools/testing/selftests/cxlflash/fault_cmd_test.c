// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation on the way of contexts and commands fails once
 *
 * As fault_test; but commands, and the disks of the SCSI host, are the work of
 * threads and workers, which no fault of the caller's reaches.  There one
 * allocation of anybody below our modules fails: one of the next n, for a
 * random n below a bound that grows.  A command that fails must say so in a way
 * that lets its owner try again, move no wrong data, and succeed when it is
 * repeated.
 *
 * Needs a kernel with fault injection, which the stock one has not.
 */
#include "cx_lib.h"

#include "cx_fault.h"
#include "fault.h"
#include "kselftest_harness.h"

#define ADAPTER	"/sys/kernel/config/cxlflash/adapters/t/"
#define TARGET	"/sys/kernel/config/cxlflash/luns/t"
#define SLOT	ADAPTER "port0/0"
#define DEVICE	"/sys/bus/cxlflash/devices/t/"
#define BACKING	"/tmp/cxlflash-fault"
/* As many in a row without a fault end a sweep, or as many tries. */
#define QUIET	6
#define TRIES	12
#define TRIES_LONG	400
/* Handles that fill a context's first table. */
#define MANY	64

FIXTURE(fault) {
	struct cx cx;
	int fail_nth;
};

FIXTURE_SETUP(fault)
{
	self->cx.fd = -1;
	self->fail_nth = -1;
	if (!fault_can_inject())
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, cx_world("ram", "2G", 4096));
	ASSERT_EQ(0, cx_open(&self->cx, "t", CAP_ALL, 0, 1, 0));
	self->fail_nth = fault_open();
	ASSERT_LE(0, self->fail_nth);
	srandom(getenv("VFIO_TEST_SEED") ? atoi(getenv("VFIO_TEST_SEED")) : 1);
}

FIXTURE_TEARDOWN(fault)
{
	if (self->fail_nth < 0)
		return;
	fault_disarm_all();
	fault_below_all();
	close(self->fail_nth);
	cx_close(&self->cx);
	cx_world_end();
}

/* --- contexts */

struct user {
	struct cx cx;
	struct cxtest_create create;
	struct cxtest_handle handle;
	struct cxtest_limits limits;
	unsigned int service;
	uint64_t chunks;
	uint64_t start;
};

static int used(void)
{
	FILE *file = fopen(DEVICE "contexts_used", "r");
	int nr = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &nr) != 1)
		nr = -1;
	fclose(file);
	return nr;
}

static int call_create(void *arg)
{
	struct user *u = arg;
	int fd = open("/dev/cxtest", O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = ioctl(fd, CXTEST_CREATE, &u->create) ? -errno : 0;
	if (ret)
		close(fd);
	u->cx.fd = ret ? -1 : fd;
	return ret;
}

static void undo_create(void *arg)
{
	close(((struct user *)arg)->cx.fd);
}

static bool none_used(void *arg)
{
	return !used();
}

TEST_F_TIMEOUT(fault, contexts, 290)
{
	static const struct cx_step step = {
		"context", call_create, undo_create, NULL, none_used,
	};
	struct user u = {
		.create = {
			.adapter = "t", .caps = CAP_USER, .nr_pages = 2,
			.service = 1, .flags = CXTEST_USER,
		},
	};

	ASSERT_EQ(0, used());
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &step, &u));
}

static int call_handle(void *arg)
{
	struct user *u = arg;

	return ioctl(u->cx.fd, CXTEST_OPEN, &u->handle) ? -errno : 0;
}

static void undo_handle(void *arg)
{
	struct user *u = arg;

	cx_handle_close(&u->cx, u->handle.handle);
}

static int call_resize(void *arg)
{
	struct user *u = arg;

	u->handle.nr_chunks = u->chunks;
	return ioctl(u->cx.fd, CXTEST_RESIZE, &u->handle) ? -errno : 0;
}

static void undo_resize(void *arg)
{
	struct user *u = arg;
	uint64_t chunks = u->start;

	cx_resize(&u->cx, u->handle.handle, &chunks);
}

static bool resize_works(void *arg)
{
	struct user *u = arg;

	return u->handle.nr_chunks == u->chunks;
}

/* A new handle gets all chunks there are: none has been left behind. */
static bool has_all_chunks(void *arg)
{
	struct user *u = arg;
	struct cxtest_handle h = { .flags = H_READ, .nr_chunks = 8 };

	if (ioctl(u->cx.fd, CXTEST_OPEN, &h))
		return false;
	return !cx_handle_close(&u->cx, h.handle);
}

TEST_F_TIMEOUT(fault, handles, 290)
{
	static const struct cx_step make = {
		"handle", call_handle, undo_handle, NULL, has_all_chunks,
	};
	static const struct cx_step another = {
		"handle, one of many", call_handle, undo_handle,
	};
	static const struct cx_step grow = {
		"resize", call_resize, undo_resize, resize_works,
	};
	struct user u = { .cx = self->cx, .chunks = 8, .start = 1 };

	/* A handle whose number could not be copied out would stay open. */
	ASSERT_EQ(0, fault_below_module("cxlflash_afu"));
	u.handle.flags = H_READ | H_WRITE;
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &make, &u));
	/* By then the table has to grow. */
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(i, cx_handle(&u.cx, 0, 0, H_READ, 0));
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &another, &u));
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(0, cx_handle_close(&u.cx, i));
	u.handle.nr_chunks = 8;
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &make, &u));

	u.handle.nr_chunks = 1;
	ASSERT_EQ(0, call_handle(&u));
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &grow, &u));
	u.chunks = 1;
	u.start = 8;
	undo_resize(&u);
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &grow, &u));
	undo_handle(&u);
}

static int call_service(void *arg)
{
	struct user *u = arg;

	return cx_do(&u->cx, CXTEST_DO_SERVICE, u->service);
}

static int call_limits(void *arg)
{
	struct user *u = arg;

	return ioctl(u->cx.fd, CXTEST_LIMITS, &u->limits) ? -errno : 0;
}

static void undo_limits(void *arg)
{
	struct user *u = arg;
	struct cxtest_limits none = { };

	ioctl(u->cx.fd, CXTEST_LIMITS, &none);
}

static int call_reset(void *arg)
{
	return cx_do(&((struct user *)arg)->cx, CXTEST_DO_RESET, 5000);
}

static int call_restart(void *arg)
{
	struct user *u = arg;
	int ret = cx_do(&u->cx, CXTEST_DO_FAIL, 0);

	return ret ?: cx_do(&u->cx, CXTEST_DO_RESTART, 0);
}

static int call_adapter_reset(void *arg)
{
	return cx_do(&((struct user *)arg)->cx, CXTEST_DO_ADAPTER_RESET, 0);
}

TEST_F_TIMEOUT(fault, what_a_context_is_told, 290)
{
	static const struct cx_step service = { "service", call_service };
	static const struct cx_step limits = {
		"limits", call_limits, undo_limits,
	};
	static const struct cx_step reset = { "reset", call_reset };
	static const struct cx_step restart = { "restart", call_restart };
	static const struct cx_step adapter = {
		"reset of the adapter", call_adapter_reset,
	};
	struct user u = {
		.cx = self->cx,
		.limits = {
			.iops = 1000, .bytes = 1 << 20, .burst_ms = 10,
			.group = "others",
		},
	};

	ASSERT_EQ(0, fault_below_module("cxlflash_afu"));
	for (u.service = 0; u.service < 3; u.service++)
		EXPECT_EQ(0, cx_sweep(self->fail_nth, &service, &u));
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &limits, &u));
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &reset, &u));
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &restart, &u));
	EXPECT_EQ(0, cx_sweep(self->fail_nth, &adapter, &u));
}

/* --- commands */

/**
 * struct command - one that is given again and again
 * @name: for messages
 * @cdb: it
 * @cdb_len: its bytes
 * @off: of its data in the arena's
 * @len: of its data
 * @write: data go to the LUN
 * @prepare: puts the data there, or NULL
 * @undo: a command that makes it possible once more, or NULL
 */
struct command {
	const char *name;
	uint8_t cdb[16];
	unsigned int cdb_len;
	uint64_t off;
	uint32_t len;
	bool write;
	void (*prepare)(struct cx *cx, uint64_t off);
	const struct command *undo;
};

static int64_t give(struct cx *cx, const struct command *c)
{
	int64_t ret;

	if (c->prepare)
		c->prepare(cx, c->off);
	ret = cx_scsi(cx, 0, 0, c->cdb, c->cdb_len, c->off, c->len, c->write);
	/* A reset of others, or a change of the LUN, is reported once. */
	if (ret > 0 && cx_sense(cx, 0) >> 16 == 6)
		ret = cx_scsi(cx, 0, 0, c->cdb, c->cdb_len, c->off, c->len,
			      c->write);
	return ret;
}

/* No buffers; a task set that is full; no resources for reservations. */
static bool is_temporary(struct cx *cx, int64_t status)
{
	return (status >> 16 & 0xff) == 0x30 ||
	       (status & 0xff00) == 0x0800 || (status & 0xff00) == 0x2800 ||
	       ((status & 0xff00) == 0x0200 && cx_sense(cx, 0) == 0x055504);
}

/* Returns how many faults were met. */
static int sweep_command(struct __test_metadata *_metadata, struct cx *cx,
			 const struct command *c)
{
	int tries = getenv("VFIO_TEST_SECONDS") ? TRIES_LONG : TRIES;
	int nth, quiet = 0, hits = 0, failures = 0;
	int64_t status;
	bool hit;

	/*
	 * What is below a store makes its own the first time; if a RAM disk
	 * has no page for a block then, that is an I/O error, and right so.
	 */
	ASSERT_EQ(0, give(cx, c)) TH_LOG("%s, no fault", c->name);
	if (c->undo)
		ASSERT_EQ(0, give(cx, c->undo));
	ASSERT_EQ(0, fault_below_module("cxlflash_afu"));
	for (int i = 1; quiet < QUIET && i <= tries; i++) {
		nth = 1 + random() % i;
		fault_arm_all(nth);
		status = give(cx, c);
		hit = fault_disarm_all();
		hits += hit;
		quiet = hit ? 0 : quiet + 1;
		if (status) {
			failures++;
			ASSERT_TRUE(hit && is_temporary(cx, status))
				TH_LOG("%s, fault %d: status %llx, sense %x",
				       c->name, nth, (long long)status,
				       cx_sense(cx, 0));
			ASSERT_EQ(0, give(cx, c)) TH_LOG("%s again", c->name);
		}
		if (c->undo)
			ASSERT_EQ(0, give(cx, c->undo));
	}
	fault_below_all();
	printf("# %s: %d faults, %d failures\n", c->name, hits, failures);
	return hits;
}

static void put_pattern(struct cx *cx, uint64_t off)
{
	cx_fill(cx_data(cx, off), 65536, 3);
}

static void clear_data(struct cx *cx, uint64_t off)
{
	memset(cx_data(cx, off), 0, 65536);
}

/* Blocks 8 to 15. */
static void put_unmap(struct cx *cx, uint64_t off)
{
	static const uint8_t list[24] = {
		[1] = 22, [3] = 16, [15] = 8, [19] = 8,
	};

	memcpy(cx_data(cx, off), list, sizeof(list));
}

static void put_register(struct cx *cx, uint64_t off)
{
	uint8_t *at = cx_data(cx, off);

	memset(at, 0, 24);
	at[15] = 1;
}

static void put_clear(struct cx *cx, uint64_t off)
{
	uint8_t *at = cx_data(cx, off);

	memset(at, 0, 24);
	at[7] = 1;
}

static const struct command clear_keys = {
	"PR OUT clear", { 0x5f, 3, [8] = 24 }, 10, 0, 24, true, put_clear,
};

static const struct command unmap = {
	"UNMAP", { 0x42, [8] = 24 }, 10, 0, 24, true, put_unmap,
};

static const struct command commands[] = {
	{ "WRITE", { 0x8a, [13] = 16 }, 16, 0, 65536, true, put_pattern,
	  &unmap },
	{ "WRITE, not aligned", { 0x8a, [13] = 15 }, 16, 1, 61440, true,
	  put_pattern, &unmap },
	{ "READ", { 0x88, [13] = 16 }, 16, 0, 65536, false, clear_data },
	{ "READ, not aligned", { 0x88, [13] = 15 }, 16, 1, 61440, false,
	  clear_data },
	{ "WRITE SAME", { 0x93, [13] = 16 }, 16, 0, 4096, true, put_pattern },
	{ "WRITE SAME, unmap", { 0x93, 8, [13] = 16 }, 16, 0, 4096, true,
	  clear_data },
	{ "UNMAP", { 0x42, [8] = 24 }, 10, 0, 24, true, put_unmap },
	{ "SYNCHRONIZE CACHE", { 0x91 }, 16 },
	{ "PR OUT register", { 0x5f, 0, [8] = 24 }, 10, 0, 24, true,
	  put_register, &clear_keys },
	{ "PR IN", { 0x5e, 0, [8] = 96 }, 10, 0, 96 },
	{ "INQUIRY", { 0x12, [4] = 96 }, 6, 0, 96 },
	{ "INQUIRY, identification", { 0x12, 1, 0x83, [4] = 255 }, 6, 0, 255 },
	{ "READ CAPACITY", { 0x9e, 0x10, [13] = 32 }, 16, 0, 32 },
	{ "MODE SENSE", { 0x1a, 0, 0x3f, [4] = 255 }, 6, 0, 255 },
	{ "REPORT LUNS", { 0xa0, [9] = 64 }, 12, 0, 64 },
	{ "REQUEST SENSE", { 0x03, [4] = 18 }, 6, 0, 18 },
};

static void sweep_commands(struct __test_metadata *_metadata, struct cx *cx)
{
	int hits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		hits += sweep_command(_metadata, cx, &commands[i]);
	EXPECT_LT(ARRAY_SIZE(commands), hits);
}

TEST_F_TIMEOUT(fault, commands_by_kick, 590)
{
	sweep_commands(_metadata, &self->cx);
}

TEST_F_TIMEOUT(fault, commands_by_engine, 590)
{
	ASSERT_EQ(0, cx_do(&self->cx, CXTEST_DO_SERVICE, 2));
	sweep_commands(_metadata, &self->cx);
}

/* What has been written is there, whatever failed on its way. */
static void sweep_data(struct __test_metadata *_metadata, struct cx *cx)
{
	const struct command write = { "WRITE", { 0x8a, [13] = 15 }, 16, 1,
				       61440, true };
	const struct command read = { "READ", { 0x88, [13] = 15 }, 16, 1,
				      61440 };
	int hits = 0;

	ASSERT_EQ(0, fault_below_module("cxlflash_afu"));
	for (int nth = 1; nth <= 40; nth++) {
		cx_fill(cx_data(cx, 1), 61440, nth);
		fault_arm_all(1 + random() % nth);
		if (give(cx, &write))
			hits += fault_disarm_all();
		fault_disarm_all();
		ASSERT_EQ(0, give(cx, &write));
		memset(cx_data(cx, 0), 0, 65536);
		fault_arm_all(1 + random() % nth);
		if (give(cx, &read)) {
			fault_disarm_all();
			ASSERT_EQ(0, give(cx, &read));
		}
		fault_disarm_all();
		ASSERT_TRUE(cx_check(cx_data(cx, 1), 61440, nth));
	}
	fault_below_all();
	printf("# %d writes failed\n", hits);
	EXPECT_LT(0, hits);
}

static void use_store(struct __test_metadata *_metadata, struct cx *cx,
		      const char *store)
{
	cx_close(cx);
	cx_world_end();
	ASSERT_EQ(0, cx_backing(BACKING));
	ASSERT_EQ(0, cx_world_on(store, cx_backing_path(store), NULL,
				 4096));
	ASSERT_EQ(0, cx_open(cx, "t", CAP_ALL, 0, 1, 0));
}

static void end_store(struct cx *cx)
{
	cx_close(cx);
	cx_world_end();
	cx_backing_end(BACKING);
}

TEST_F_TIMEOUT(fault, commands_to_a_file, 590)
{
	use_store(_metadata, &self->cx, "file");
	sweep_commands(_metadata, &self->cx);
	sweep_data(_metadata, &self->cx);
	end_store(&self->cx);
}

TEST_F_TIMEOUT(fault, commands_to_a_device, 590)
{
	use_store(_metadata, &self->cx, "block");
	sweep_commands(_metadata, &self->cx);
	sweep_data(_metadata, &self->cx);
	end_store(&self->cx);
}

/* --- disks */

static bool disk_reads(void *buf)
{
	char dev[64];
	bool ok;
	int fd;

	if (!cx_disk(dev, sizeof(dev)))
		return false;
	fd = open(dev, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = pread(fd, buf, CX_PAGE, 0) == CX_PAGE;
	close(fd);
	return ok;
}

static bool wait_for_read(void *buf, unsigned int ms)
{
	long long end = cx_now_ms() + ms;

	while (!disk_reads(buf)) {
		if (cx_now_ms() > end)
			return false;
		usleep(20000);
	}
	return true;
}

/*
 * A link whose disk a worker could not make is made again.  What fails is
 * below @module, which finds the disk or which answers its questions.
 */
static void sweep_disks(struct __test_metadata *_metadata, const char *module,
			int rounds)
{
	void *buf = aligned_alloc(CX_PAGE, CX_PAGE);
	int hits = 0, without = 0;

	ASSERT_EQ(0, fault_below_module(module));
	for (int nth = 1; nth <= rounds; nth++) {
		ASSERT_EQ(0, unlink(SLOT "/lun"));
		fault_arm_all(1 + random() % (4 * nth));
		if (!symlink(TARGET, SLOT "/lun"))
			wait_for_read(buf, 3000);
		hits += fault_disarm_all();
		if (!disk_reads(buf)) {
			without++;
			unlink(SLOT "/lun");
			ASSERT_EQ(0, symlink(TARGET, SLOT "/lun"));
		}
		ASSERT_TRUE(wait_for_read(buf, 30000))
			TH_LOG("no disk after fault %d", nth);
	}
	fault_below_all();
	printf("# %s: %d disks, %d faults, %d came only with the next link\n",
	       module, rounds, hits, without);
	EXPECT_LT(0, hits);
	free(buf);
}

TEST_F_TIMEOUT(fault, disks, 590)
{
	int rounds = getenv("VFIO_TEST_SECONDS") ? 60 : 8;

	cx_close(&self->cx);
	ASSERT_EQ(0, cx_adapter_live("t", false));
	ASSERT_EQ(0, cx_set("1", "adapters/t/host"));
	ASSERT_EQ(0, cx_adapter_live("t", true));
	sweep_disks(_metadata, "cxlflash", rounds);
	sweep_disks(_metadata, "cxlflash_afu", rounds);
}

TEST_HARNESS_MAIN
