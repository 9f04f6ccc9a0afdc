// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory as a slice uses it: UNMAP, limits of locked memory, bus
 * mastering, the log of written pages, and users that die
 *
 * With two stores: "ram" is copied from and to, "block" works on the pages.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "kselftest_harness.h"
#include "slice_client.h"

#define PAGE		4096ULL
#define DATA_BYTES	(CLIENT_MEM - CLIENT_DATA)

FIXTURE(mem)
{
	struct client c;
};

FIXTURE_VARIANT(mem)
{
	const char *store;
	const char *path;
};

FIXTURE_VARIANT_ADD(mem, ram) { .store = "ram" };
FIXTURE_VARIANT_ADD(mem, block) { .store = "block", .path = "/dev/ram0" };

FIXTURE_SETUP(mem)
{
	client_world(variant->store, variant->path,
		     variant->path ? NULL : "512M");
	client_open(&self->c);
}

FIXTURE_TEARDOWN(mem)
{
	client_close(&self->c);
	client_world_end();
}

static uint64_t data_ea(uint64_t off)
{
	return CLIENT_IOVA + CLIENT_DATA + off;
}

static uint8_t *data(struct client *c, uint64_t off)
{
	return c->mem + CLIENT_DATA + off;
}

static bool all_are(const uint8_t *mem, uint8_t byte, size_t len)
{
	return mem[0] == byte && !memcmp(mem, mem + 1, len - 1);
}

/* Pages that this process has locked; what VFIO pins counts. */
static long locked_pages(void)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	VFIO_CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib / 4;
}

/* Accounts may be settled a little later than pages are unpinned. */
static bool nothing_is_locked(void)
{
	return VFIO_WAIT(!locked_pages(), CLIENT_MS);
}

/* Write the first @area bytes of the data, piece by piece; read them back. */
static int verify_part(struct client *c, uint32_t seed, uint32_t blocks,
		       uint64_t area)
{
	uint64_t bytes = blocks * PAGE, off;

	for (off = 0; off + bytes <= area; off += bytes) {
		vfio_pattern_fill(data(c, off), bytes, seed + off / PAGE);
		if (client_rw(c, off / bytes % c->nr_queues, true, off / PAGE,
			      blocks, data_ea(off)))
			return -1;
	}
	memset(data(c, 0), 0, area);
	for (off = 0; off + bytes <= area; off += bytes) {
		if (client_rw(c, off / bytes % c->nr_queues, false, off / PAGE,
			      blocks, data_ea(off)))
			return -2;
		if (!vfio_pattern_matches(data(c, off), bytes,
					  seed + off / PAGE))
			return -3;
	}
	return 0;
}

static int verify_area(struct client *c, uint32_t seed, uint32_t blocks)
{
	return verify_part(c, seed, blocks, DATA_BYTES);
}

/* --- limits */

static void budget(const char *mib)
{
	vfio_attr_write("/sys/module/cxlflash_mdev/parameters/pin_budget_mib",
			"%s", mib);
}

TEST_F_TIMEOUT(mem, pages_stay_pinned_and_go_with_the_device, 300)
{
	struct client *c = &self->c;

	EXPECT_EQ(0, verify_area(c, 1, 16));
	EXPECT_LE(DATA_BYTES / PAGE, locked_pages());
	EXPECT_EQ(0, verify_area(c, 2, 3));
	close(c->u.device);
	EXPECT_TRUE(nothing_is_locked());
	c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
	client_start(c);
	EXPECT_EQ(0, verify_area(c, 3, 64));
}

TEST_F_TIMEOUT(mem, budget_is_kept, 300)
{
	struct client *c = &self->c;
	int i;

	budget("2");
	client_reopen(c);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, verify_area(c, i * 7, 1 + i * 40));
		EXPECT_GE(512, locked_pages());
	}
	budget("0");
}

static void drop_ipc_lock(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];

	VFIO_CHECK(!syscall(SYS_capget, &hdr, caps));
	caps[0].effective &= ~(1U << CAP_IPC_LOCK);
	caps[0].permitted &= ~(1U << CAP_IPC_LOCK);
	VFIO_CHECK(!syscall(SYS_capset, &hdr, caps));
}

/* A process that may lock @pages; its exit status. */
static int run_limited(struct client *c, rlim_t pages)
{
	struct rlimit limit = { pages * PAGE, pages * PAGE };
	/* Enough that each page is unpinned and pinned again, many times. */
	uint64_t area = 16 * limit.rlim_cur;
	pid_t pid = fork();
	int ret = 0, i;

	if (pid)
		return vfio_child_wait(pid, 600000);
	/* The limit and the right are those of who maps. */
	VFIO_CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
	drop_ipc_lock();
	c->mem = vfio_mem_alloc(CLIENT_MEM);
	vfio_unmap(c->u.container, CLIENT_IOVA, CLIENT_MEM);
	vfio_map(c->u.container, c->mem, CLIENT_IOVA, CLIENT_MEM);
	client_reopen(c);
	if (area > DATA_BYTES || getenv("VFIO_TEST_SECONDS"))
		area = DATA_BYTES;
	for (i = 0; i < 3 && !ret; i++)
		ret = verify_part(c, i, 1 + i * 63, area);
	if (!ret && locked_pages() > (long)pages)
		ret = -4;
	_exit(-ret);
}

TEST_F_TIMEOUT(mem, a_small_limit_of_locked_memory_is_enough, 900)
{
	static const unsigned int limits[] = { 2048, 700, 128, 48, 24 };
	unsigned int i;
	uint64_t from;

	for (i = 0; i < VFIO_ARRAY_SIZE(limits); i++) {
		from = vfio_now_ms();
		EXPECT_EQ(0, run_limited(&self->c, limits[i]));
		vfio_note("%u pages: %u ms", limits[i],
			  (unsigned int)(vfio_now_ms() - from));
	}
}

/* --- bus mastering */

TEST_F(mem, without_bus_mastering_memory_stays)
{
	struct client *c = &self->c;
	struct cx_arcb arcb;
	unsigned int slot;

	ASSERT_EQ(0, client_rw(c, 0, true, 0, 1, data_ea(0)));
	client_command(c, PCI_COMMAND_MEMORY);
	memset(c->mem, 0x5a, CLIENT_DATA);
	client_put(c, 0, R_IOARRIN, client_ea(0, CLIENT_SQ));
	client_put(c, 0, R_KICK, 1);
	EXPECT_TRUE(VFIO_WAIT(client_get(c, 0, R_INTR_STATUS), CLIENT_MS));
	EXPECT_TRUE(all_are(c->mem, 0x5a, CLIENT_DATA));
	vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
	client_start(c);
	client_arcb_rw(&arcb, false, 0, 1, data_ea(0));
	slot = client_submit(c, 0, &arcb);
	EXPECT_EQ(0, client_wait(c, 0, slot, CLIENT_MS));
}

/* --- UNMAP */

TEST_F(mem, memory_that_is_not_mapped_is_an_error)
{
	struct client *c = &self->c;

	EXPECT_NE(0, client_rw(c, 0, false, 0, 1, CLIENT_IOVA + CLIENT_MEM));
	EXPECT_NE(0, client_rw(c, 0, true, 0, 2, CLIENT_IOVA + CLIENT_MEM -
			       PAGE));
	EXPECT_NE(0, client_rw(c, 0, true, 0, 1, ~0ULL - 100));
	EXPECT_EQ(0, client_rw(c, 0, true, 0, 1, CLIENT_IOVA + CLIENT_MEM -
			       PAGE));
}

TEST_F(mem, a_read_only_mapping_is_read_only)
{
	uint8_t *mem = vfio_mem_alloc(2 * PAGE);
	struct client *c = &self->c;
	uint64_t iova = 0x200000;

	ASSERT_EQ(0, __vfio_map_flags(c->u.container, VFIO_DMA_MAP_FLAG_READ,
				      mem, iova, PAGE));
	vfio_map(c->u.container, mem + PAGE, iova + PAGE, PAGE);
	vfio_pattern_fill(mem, PAGE, 9);
	EXPECT_EQ(0, client_rw(c, 0, true, 3, 1, iova));
	EXPECT_NE(0, client_rw(c, 0, false, 3, 1, iova));
	EXPECT_TRUE(vfio_pattern_matches(mem, PAGE, 9));
	/* Its neighbour is not. */
	EXPECT_EQ(0, client_rw(c, 0, false, 3, 1, iova + PAGE));
	EXPECT_TRUE(vfio_pattern_matches(mem + PAGE, PAGE, 9));
	vfio_unmap(c->u.container, iova, 2 * PAGE);
	vfio_mem_free(mem, 2 * PAGE);
}

/* An area that is mapped and unmapped while others read into it. */
#define HOLE_IOVA	0x40000000ULL
#define HOLE_BYTES	(4ULL << 20)

struct reader {
	struct client *c;
	unsigned int q;
	atomic_bool *stop;
	unsigned long good;
	unsigned long bad;
};

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	unsigned int n = 0;
	uint32_t rc;

	while (!atomic_load(r->stop)) {
		rc = client_rw(r->c, r->q, false, n % 32, 16, HOLE_IOVA +
			       (n * 37 + r->q) % 1000 * PAGE);
		VFIO_CHECK(rc != CLIENT_ENOENT);
		if (rc)
			r->bad++;
		else
			r->good++;
		n++;
	}
	return NULL;
}

TEST_F_TIMEOUT(mem, unmap_under_io, 600)
{
	uint8_t *hole = vfio_mem_alloc(HOLE_BYTES);
	struct client *c = &self->c;
	struct reader r[4] = { };
	atomic_bool stop = false;
	unsigned long good = 0;
	pthread_t thread[4];
	uint64_t i, round;

	memset(data(c, 0), 0x11, 48 * PAGE);
	ASSERT_EQ(0, client_rw(c, 0, true, 0, 48, data_ea(0)));
	for (i = 0; i < 4; i++) {
		r[i] = (struct reader){ .c = c, .q = i, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, reader_main,
					    &r[i]));
	}
	for (round = 0; round < 100; round++) {
		vfio_map(c->u.container, hole, HOLE_IOVA, HOLE_BYTES);
		usleep(20000);
		vfio_unmap(c->u.container, HOLE_IOVA, HOLE_BYTES);
		/* From here on it is ours alone. */
		memset(hole, 0x22, HOLE_BYTES);
		usleep(5000);
		ASSERT_TRUE(all_are(hole, 0x22, HOLE_BYTES))
			TH_LOG("round %lu", (unsigned long)round);
	}
	atomic_store(&stop, true);
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		good += r[i].good;
	}
	EXPECT_NE(0, good);
	EXPECT_EQ(0, verify_area(c, 5, 32));
	vfio_mem_free(hole, HOLE_BYTES);
}

TEST_F(mem, unmap_waits_for_a_slow_store)
{
	uint8_t *hole = vfio_mem_alloc(HOLE_BYTES);
	struct client *c = &self->c;
	struct cx_arcb arcb;
	unsigned int slot[32], i;

	memset(data(c, 0), 0x11, PAGE);
	ASSERT_EQ(0, client_rw(c, 0, true, 0, 1, data_ea(0)));
	ASSERT_EQ(0, cx_set("200", "adapters/sv/faults/slow_ms"));
	vfio_map(c->u.container, hole, HOLE_IOVA, HOLE_BYTES);
	for (i = 0; i < 32; i++) {
		client_arcb_rw(&arcb, false, 0, 1, HOLE_IOVA + i * 16 * PAGE);
		slot[i] = client_submit(c, 0, &arcb);
	}
	usleep(50000);
	vfio_unmap(c->u.container, HOLE_IOVA, HOLE_BYTES);
	memset(hole, 0x22, HOLE_BYTES);
	for (i = 0; i < 32; i++)
		EXPECT_NE(CLIENT_ENOENT, client_wait(c, 0, slot[i],
						     CLIENT_MS));
	EXPECT_TRUE(all_are(hole, 0x22, HOLE_BYTES));
	ASSERT_EQ(0, cx_set("0", "adapters/sv/faults/slow_ms"));
	EXPECT_EQ(0, client_rw(c, 0, true, 0, 1, data_ea(0)));
	vfio_mem_free(hole, HOLE_BYTES);
}

/* --- the log */

#define FEATURE_SET	VFIO_DEVICE_FEATURE_SET
#define FEATURE_GET	VFIO_DEVICE_FEATURE_GET
#define LOG_PAGES	(CLIENT_MEM / PAGE)

static int log_start(struct client *c, uint64_t iova, uint64_t length)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = iova,
		.length = length,
	};
	struct vfio_device_feature_dma_logging_control ctl = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return __vfio_feature(c->u.device, FEATURE_SET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &ctl,
			      sizeof(ctl));
}

static int log_stop(struct client *c)
{
	return __vfio_feature(c->u.device, FEATURE_SET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

/* What was written of all memory since the last report, cleared before. */
static int log_report(struct client *c, uint64_t *bits)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = CLIENT_IOVA,
		.length = CLIENT_MEM,
		.page_size = PAGE,
		.bitmap = (uintptr_t)bits,
	};

	memset(bits, 0, LOG_PAGES / 8);
	return __vfio_feature(c->u.device, FEATURE_GET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &report,
			      sizeof(report));
}

static void log_set(uint64_t *bits, uint64_t off, uint64_t bytes)
{
	uint64_t i;

	for (i = off / PAGE; i <= (off + bytes - 1) / PAGE; i++)
		bits[i / 64] |= 1ULL << i % 64;
}

/* What a command on queue @q writes beside its data, or may write. */
static void log_forget_queue(uint64_t *bits, unsigned int q, uint64_t *seen)
{
	uint64_t page = q * CLIENT_AREA / PAGE, i;

	*seen = 0;
	for (i = page; i < page + CLIENT_AREA / PAGE; i++) {
		*seen |= (bits[i / 64] >> i % 64 & 1) << (i - page);
		bits[i / 64] &= ~(1ULL << i % 64);
	}
}

TEST_F(mem, the_log_is_precise)
{
	uint64_t want[LOG_PAGES / 64], got[LOG_PAGES / 64], seen;
	struct client *c = &self->c;
	unsigned int i;

	EXPECT_EQ(-EINVAL, log_report(c, got));
	ASSERT_EQ(0, client_rw(c, 0, false, 0, 64, data_ea(0)));
	ASSERT_EQ(0, log_start(c, CLIENT_IOVA, CLIENT_MEM));
	ASSERT_EQ(0, log_report(c, got));
	/* Nothing, but for the event indexes of engines that wake or sleep. */
	EXPECT_EQ(0, got[0] & ~0x0002000200020002ULL);
	for (i = 1; i < LOG_PAGES / 64; i++)
		EXPECT_EQ(0, got[i]);
	/* Writes of the guest do not count, reads do, to the page. */
	memset(want, 0, sizeof(want));
	ASSERT_EQ(0, client_rw(c, 1, true, 0, 64, data_ea(0)));
	ASSERT_EQ(0, client_rw(c, 1, false, 0, 3, data_ea(7 * PAGE)));
	log_set(want, CLIENT_DATA + 7 * PAGE, 3 * PAGE);
	ASSERT_EQ(0, client_rw(c, 1, false, 0, 1, data_ea(513 * PAGE + 512)));
	log_set(want, CLIENT_DATA + 513 * PAGE + 512, PAGE);
	ASSERT_EQ(0, client_rw(c, 1, false, 0, 600, data_ea(1000 * PAGE)));
	log_set(want, CLIENT_DATA + 1000 * PAGE, 600 * PAGE);
	ASSERT_EQ(0, log_report(c, got));
	/* The ring and the statuses: pages 0 and 4; the event's: page 1. */
	log_forget_queue(got, 0, &seen);
	log_forget_queue(got, 1, &seen);
	EXPECT_EQ(0x11, seen & ~0x2ULL);
	log_forget_queue(got, 2, &seen);
	log_forget_queue(got, 3, &seen);
	for (i = 0; i < LOG_PAGES / 64; i++)
		EXPECT_EQ(want[i], got[i])
			TH_LOG("word %u", i);
	ASSERT_EQ(0, log_report(c, got));
	for (i = CLIENT_DATA / PAGE / 64; i < LOG_PAGES / 64; i++)
		EXPECT_EQ(0, got[i]);
	EXPECT_EQ(0, log_stop(c));
	EXPECT_EQ(-EINVAL, log_report(c, got));
}

TEST_F(mem, the_log_watches_its_ranges_only)
{
	struct client *c = &self->c;
	uint64_t got[LOG_PAGES / 64];
	unsigned int i, set = 0;

	ASSERT_EQ(0, log_start(c, data_ea(4 * PAGE), 2 * PAGE));
	ASSERT_EQ(0, client_rw(c, 0, false, 0, 64, data_ea(0)));
	ASSERT_EQ(0, log_report(c, got));
	for (i = 0; i < LOG_PAGES / 64; i++)
		set += __builtin_popcountll(got[i]);
	EXPECT_EQ(2, set);
	/* More than a log can be for. */
	EXPECT_EQ(0, log_stop(c));
	EXPECT_EQ(-E2BIG, log_start(c, 0, 1ULL << 50));
}

TEST_F_TIMEOUT(mem, the_log_has_what_was_copied_too, 300)
{
	struct client *c = &self->c;
	uint64_t got[LOG_PAGES / 64], off;
	unsigned int i;

	budget("1");
	client_reopen(c);
	ASSERT_EQ(0, log_start(c, CLIENT_IOVA, CLIENT_MEM));
	for (off = 0; off + 64 * PAGE <= DATA_BYTES; off += 64 * PAGE)
		ASSERT_EQ(0, client_rw(c, 0, false, 0, 64, data_ea(off)));
	ASSERT_EQ(0, log_report(c, got));
	for (i = CLIENT_DATA / PAGE / 64; i < LOG_PAGES / 64; i++)
		EXPECT_EQ(~0ULL, got[i]);
	budget("0");
}

/* --- users that die */

static void die_working(struct client *c, unsigned int seed)
{
	struct cx_arcb arcb;
	unsigned int n, q, slot;

	srand(seed);
	client_reopen(c);
	for (n = 0;; n++) {
		client_arcb_rw(&arcb, rand() & 1, rand() % 1000,
			       1 + rand() % 64, data_ea(rand() % 1700 * PAGE));
		q = n % c->nr_queues;
		slot = client_submit(c, q, &arcb);
		if (n / c->nr_queues % 16 == 15)
			client_wait(c, q, slot, CLIENT_MS);
	}
}

TEST_F_TIMEOUT(mem, killed_users_leave_nothing, 600)
{
	struct client *c = &self->c;
	unsigned int i;
	pid_t pid;

	close(c->u.device);
	for (i = 0; i < 12; i++) {
		pid = fork();
		if (!pid) {
			c->u.device = vfio_group_get_device(c->u.group,
							    c->u.uuid);
			die_working(c, i);
		}
		usleep(1000 + i * i * 2000);
		vfio_child_kill(pid);
		EXPECT_TRUE(nothing_is_locked());
	}
	c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
	client_start(c);
	EXPECT_EQ(0, verify_area(c, 5, 32));
}

TEST_F_TIMEOUT(mem, closed_in_the_middle, 300)
{
	struct client *c = &self->c;
	struct cx_arcb arcb;
	unsigned int i, round;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 100; i++) {
			client_arcb_rw(&arcb, false, 0, 32,
				       data_ea(i % 50 * 32 * PAGE));
			client_submit(c, i % c->nr_queues, &arcb);
		}
		close(c->u.device);
		memset(c->mem, 0x33, CLIENT_MEM);
		EXPECT_TRUE(all_are(c->mem, 0x33, CLIENT_MEM));
		EXPECT_TRUE(nothing_is_locked());
		c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
		client_start(c);
	}
}

TEST_HARNESS_MAIN
