// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices of a formatted LUN, in raw contexts; and clients of the adapter's
 */
#include "cx_lib.h"

#include <pthread.h>
#include <stdatomic.h>

#include "kselftest_harness.h"

#define CONFIG		"/sys/kernel/config/cxlflash"
#define CHUNK		(256ULL << 20)
#define CHUNK_BLOCKS	65536ULL
#define NR_CHUNKS	7	/* of the LUN, but the table's */
#define RW		(H_READ | H_WRITE)
#define OUT_OF_BOUNDS	ST(0, 0x13, 0, 0)
#define NO_HANDLE	ST(0, 0x05, 0, 0)

static const char uuid_text[] = "5a000001-0000-4000-8000-00000000000%u";

static void uuid_of(uint8_t uuid[16], unsigned int id)
{
	memset(uuid, 0, 16);
	uuid[0] = 0x5a;
	uuid[3] = 1;
	uuid[6] = 0x40;
	uuid[8] = 0x80;
	uuid[15] = id;
}

static int slice_do(struct cx *cx, struct cxtest_slice *s, uint32_t what)
{
	s->what = what;
	return ioctl(cx->fd, CXTEST_SLICE, s) ? -errno : 0;
}

static int slice_open(struct cx *cx, struct cxtest_slice *s, unsigned int id,
		      uint64_t bytes)
{
	memset(s, 0, sizeof(*s));
	uuid_of(s->uuid, id);
	s->bytes = bytes;
	snprintf(s->name, sizeof(s->name), "test");
	return slice_do(cx, s, CXTEST_SLICE_OPEN);
}

static int slice_handle(struct cx *cx, struct cxtest_slice *s, uint32_t flags)
{
	int ret;

	s->flags = flags;
	ret = slice_do(cx, s, CXTEST_SLICE_HANDLE);
	return ret ? ret : (int)s->handle;
}

static int slice_resize(struct cx *cx, struct cxtest_slice *s, uint64_t bytes)
{
	s->bytes = bytes;
	return slice_do(cx, s, CXTEST_SLICE_RESIZE);
}

static int slice_delete(unsigned int id)
{
	char text[40];

	snprintf(text, sizeof(text), uuid_text, id);
	return cx_set(text, "luns/t/delete");
}

static struct cxtest_client client_do(struct cx *cx, uint32_t what)
{
	struct cxtest_client c = { .what = what };

	if (ioctl(cx->fd, CXTEST_CLIENT, &c))
		abort();
	return c;
}

/* Unit attentions are told once: of a new size, say. */
static int64_t rw_block(struct cx *cx, unsigned int slot, bool write,
			int handle, uint64_t lba, uint64_t off)
{
	int64_t ret;

	for (int i = 0; i < 3; i++) {
		ret = cx_rw(cx, slot, write, handle, lba, 1, off, 4096);
		if (ret < 0 || (ret >> 8 & 0xff) != 2 ||
		    cx_sense(cx, slot) >> 16 != 6)
			break;
	}
	return ret;
}

static int64_t write_block(struct cx *cx, int handle, uint64_t lba,
			   uint32_t seed)
{
	cx_fill(cx_data(cx, 0), 4096, seed);
	return rw_block(cx, 0, true, handle, lba, 0);
}

static int64_t read_block(struct cx *cx, int handle, uint64_t lba)
{
	memset(cx_data(cx, 0), 0xee, 4096);
	return rw_block(cx, 0, false, handle, lba, 0);
}

static bool block_is_zero(struct cx *cx)
{
	for (int i = 0; i < 4096; i++)
		if (cx_data(cx, 0)[i])
			return false;
	return true;
}

/* The line of a slice in the listing, without its UUID; "" if there is none. */
static const char *listed(unsigned int id)
{
	static char text[8192];
	char uuid[40], *line, *end;

	snprintf(uuid, sizeof(uuid), uuid_text, id);
	if (cx_get(text, sizeof(text), "luns/t/slices"))
		return "unreadable";
	line = strstr(text, uuid);
	if (!line)
		return "";
	end = strchr(line, '\n');
	if (end)
		*end = 0;
	return line + strlen(uuid) + 1;
}

static uint64_t free_bytes(void)
{
	char text[64];

	if (cx_get(text, sizeof(text), "luns/t/space"))
		return 0;
	return strtoull(text, NULL, 10);
}

FIXTURE(slice) {
	struct cx cx;
	struct cx other;
	struct cxtest_slice s;
	int handle;
};

FIXTURE_SETUP(slice)
{
	self->cx.fd = -1;
	self->other.fd = -1;
	ASSERT_EQ(0, cx_world("ram", "2G", 4096));
	ASSERT_EQ(0, cx_set("yes", "luns/t/format"));
	ASSERT_EQ(0, cx_set("1", "luns/t/active"));
	ASSERT_EQ(0, cx_open(&self->cx, "t", CAP_ALL, 0, 1, 0));
	ASSERT_EQ(0, cx_open(&self->other, "t", CAP_ALL, 0, 1, 0));
	ASSERT_EQ(0, slice_open(&self->cx, &self->s, 1, 2 * CHUNK));
	self->handle = slice_handle(&self->cx, &self->s, RW);
	ASSERT_EQ(0, self->handle);
}

FIXTURE_TEARDOWN(slice)
{
	cx_close(&self->other);
	cx_close(&self->cx);
	cx_world_end();
}

TEST_F(slice, is_made_found_again_and_deleted)
{
	struct cx *cx = &self->cx;
	struct cxtest_slice *s = &self->s;
	uint8_t wwid[16];

	EXPECT_EQ(1, s->created);
	EXPECT_EQ(2 * CHUNK, s->bytes);
	EXPECT_EQ(2, s->nr_chunks);
	EXPECT_EQ(0x6f, s->wwid[0]);
	memcpy(wwid, s->wwid, 16);
	EXPECT_EQ(0, read_block(cx, 0, 70000));
	EXPECT_TRUE(block_is_zero(cx));
	EXPECT_EQ(0, write_block(cx, 0, 70000, 7));
	EXPECT_EQ(0, cx_handle_close(cx, 0));
	ASSERT_EQ(0, slice_do(cx, s, CXTEST_SLICE_CLOSE));
	EXPECT_STREQ("test 536870912 2 0 closed", listed(1));
	/* Its own size counts, not the one that is asked for. */
	ASSERT_EQ(0, slice_open(cx, s, 1, CHUNK));
	EXPECT_STREQ("test 536870912 2 0 open", listed(1));
	EXPECT_EQ(0, s->created);
	EXPECT_EQ(2 * CHUNK, s->bytes);
	EXPECT_EQ(0, memcmp(wwid, s->wwid, 16));
	ASSERT_EQ(0, slice_handle(cx, s, RW));
	EXPECT_EQ(0, read_block(cx, 0, 70000));
	EXPECT_TRUE(cx_check(cx_data(cx, 0), 4096, 7));
	EXPECT_EQ(0, cx_handle_close(cx, 0));
	ASSERT_EQ(0, slice_do(cx, s, CXTEST_SLICE_CLOSE));
	EXPECT_EQ((NR_CHUNKS - 2) * CHUNK, free_bytes());
	EXPECT_EQ(0, slice_delete(1));
	EXPECT_EQ(NR_CHUNKS * CHUNK, free_bytes());
	EXPECT_STREQ("", listed(1));
	EXPECT_EQ(-ENOENT, slice_delete(1));
	EXPECT_EQ(-ENOENT, slice_open(cx, s, 1, 0));
	/* What it held is not there for the next one. */
	ASSERT_EQ(0, slice_open(cx, s, 2, 2 * CHUNK));
	ASSERT_EQ(0, slice_handle(cx, s, RW));
	EXPECT_EQ(0, read_block(cx, 0, 70000));
	EXPECT_TRUE(block_is_zero(cx));
}

TEST_F(slice, is_open_once)
{
	struct cxtest_slice s;

	EXPECT_EQ(-EBUSY, slice_open(&self->other, &s, 1, 0));
	EXPECT_EQ(-EBUSY, slice_delete(1));
	EXPECT_EQ(-EBUSY, cx_set("0", "luns/t/active"));
	EXPECT_EQ(-EBUSY, cx_set("yes", "luns/t/format"));
	EXPECT_EQ(0, write_block(&self->cx, 0, 5, 1));
	/* Whoever has it open dies: the next one can have it. */
	cx_close(&self->cx);
	ASSERT_EQ(0, slice_open(&self->other, &s, 1, 0));
	ASSERT_EQ(0, slice_handle(&self->other, &s, RW));
	EXPECT_EQ(0, read_block(&self->other, 0, 5));
	EXPECT_TRUE(cx_check(cx_data(&self->other, 0), 4096, 1));
}

TEST_F(slice, errors_are_told_apart)
{
	struct cx *cx = &self->cx;
	struct cxtest_slice s;

	EXPECT_EQ(-ENOENT, slice_open(cx, &s, 2, 0));
	EXPECT_EQ(-ENOSPC, slice_open(cx, &s, 2, NR_CHUNKS * CHUNK));
	EXPECT_EQ(-EINVAL, slice_open(cx, &s, 2, CHUNK + 512));
	memset(&s, 0, sizeof(s));
	s.bytes = CHUNK;
	EXPECT_EQ(-EINVAL, slice_do(cx, &s, CXTEST_SLICE_OPEN));
	uuid_of(s.uuid, 2);
	snprintf(s.name, sizeof(s.name), "a b");
	EXPECT_EQ(-EINVAL, slice_do(cx, &s, CXTEST_SLICE_OPEN));
	EXPECT_EQ(-EINVAL, slice_resize(cx, &self->s, 0));
	EXPECT_EQ(-EINVAL, slice_resize(cx, &self->s, 512));
	EXPECT_EQ(-ENOSPC, slice_resize(cx, &self->s, (NR_CHUNKS + 1) * CHUNK));
	EXPECT_EQ(-ENOSPC, slice_resize(cx, &self->s, 1ULL << 62));
	EXPECT_EQ(-EINVAL, slice_handle(cx, &self->s, RW | H_SINGLE));
	EXPECT_EQ(-EINVAL, cx_set("nonsense", "luns/t/delete"));
	EXPECT_EQ(-EINVAL, cx_set("\n", "luns/t/delete"));
	/* The LUN itself is refused. */
	EXPECT_EQ(-EBUSY, cx_handle(cx, 0, 0, RW, 0));
	EXPECT_EQ(-EBUSY, cx_handle(cx, 0, 0, RW, 1));
}

TEST_F(slice, a_uuid_is_on_one_lun)
{
	struct cx *cx = &self->cx;
	struct cxtest_slice s;

	ASSERT_EQ(0, cx_lun_make("u", "ram", NULL, "1G", 4096));
	ASSERT_EQ(0, cx_set("yes", "luns/u/format"));
	ASSERT_EQ(0, cx_set("1", "luns/u/active"));
	ASSERT_EQ(0, cx_adapter_link("t", 1, 0, "u"));
	memset(&s, 0, sizeof(s));
	s.port = 1;
	s.bytes = CHUNK;
	uuid_of(s.uuid, 1);
	/* Open there, then only stored there. */
	EXPECT_EQ(-EEXIST, slice_do(cx, &s, CXTEST_SLICE_OPEN));
	EXPECT_EQ(0, cx_handle_close(cx, 0));
	EXPECT_EQ(0, slice_do(cx, &self->s, CXTEST_SLICE_CLOSE));
	EXPECT_EQ(-EEXIST, slice_do(cx, &s, CXTEST_SLICE_OPEN));
	EXPECT_EQ(0, slice_delete(1));
	EXPECT_EQ(0, slice_do(cx, &s, CXTEST_SLICE_OPEN));
	EXPECT_EQ(0, slice_do(cx, &s, CXTEST_SLICE_CLOSE));
	cx_adapter_live("t", false);
	cx_close(&self->cx);
	cx_close(&self->other);
	EXPECT_EQ(0, cx_adapter_remove("t"));
	EXPECT_EQ(0, cx_lun_remove("u"));
}

TEST_F(slice, all_handles_grow_and_shrink_at_once)
{
	struct cx *cx = &self->cx, *other = &self->other;
	struct cxtest_slice *s = &self->s;

	ASSERT_EQ(0, slice_handle(other, s, H_READ));
	EXPECT_EQ(0, write_block(cx, 0, CHUNK_BLOCKS + 9, 3));
	EXPECT_EQ(0, read_block(other, 0, CHUNK_BLOCKS + 9));
	EXPECT_TRUE(cx_check(cx_data(other, 0), 4096, 3));
	EXPECT_EQ(NO_HANDLE, write_block(other, 0, 0, 3));
	EXPECT_EQ(OUT_OF_BOUNDS, read_block(other, 0, 2 * CHUNK_BLOCKS));
	ASSERT_EQ(0, slice_resize(cx, s, 3 * CHUNK + 4096));
	EXPECT_EQ((NR_CHUNKS - 4) * CHUNK, free_bytes());
	EXPECT_EQ(0, read_block(other, 0, 3 * CHUNK_BLOCKS));
	EXPECT_TRUE(block_is_zero(other));
	EXPECT_EQ(OUT_OF_BOUNDS, read_block(cx, 0, 3 * CHUNK_BLOCKS + 1));
	ASSERT_EQ(0, slice_resize(cx, s, CHUNK));
	EXPECT_EQ((NR_CHUNKS - 1) * CHUNK, free_bytes());
	EXPECT_EQ(OUT_OF_BOUNDS, read_block(other, 0, CHUNK_BLOCKS + 9));
	EXPECT_EQ(OUT_OF_BOUNDS, read_block(cx, 0, CHUNK_BLOCKS));
	ASSERT_EQ(0, slice_do(cx, s, CXTEST_SLICE_INFO));
	EXPECT_EQ(2, s->nr_changes);
	EXPECT_EQ(1, s->changed);
	EXPECT_EQ(1, s->nr_chunks);
	/* What it has given up does not come back. */
	ASSERT_EQ(0, slice_resize(cx, s, 2 * CHUNK));
	EXPECT_EQ(0, read_block(other, 0, CHUNK_BLOCKS + 9));
	EXPECT_TRUE(block_is_zero(other));
	s->flags = 1;
	EXPECT_EQ(0, slice_do(cx, s, CXTEST_SLICE_MODE));
	ASSERT_EQ(0, slice_do(cx, s, CXTEST_SLICE_INFO));
	EXPECT_EQ(4, s->nr_changes);
	EXPECT_EQ(2, s->changed);
	EXPECT_EQ(1, s->flags);
}

TEST_F(slice, outlives_deactivation)
{
	struct cx *cx = &self->cx;
	struct cxtest_slice *s = &self->s;

	EXPECT_EQ(0, write_block(cx, 0, 1, 11));
	EXPECT_EQ(0, cx_handle_close(cx, 0));
	EXPECT_EQ(0, slice_do(cx, s, CXTEST_SLICE_CLOSE));
	ASSERT_EQ(0, cx_set("0", "luns/t/active"));
	EXPECT_EQ(-ENODEV, slice_open(cx, s, 1, CHUNK));
	EXPECT_EQ(-ENODEV, slice_delete(1));
	EXPECT_EQ(0, free_bytes());
	ASSERT_EQ(0, cx_set("1", "luns/t/active"));
	ASSERT_EQ(0, slice_open(cx, s, 1, 0));
	ASSERT_EQ(0, slice_handle(cx, s, RW));
	EXPECT_EQ(0, read_block(cx, 0, 1));
	EXPECT_TRUE(cx_check(cx_data(cx, 0), 4096, 11));
}

/* Another process' I/O while the slice changes its size again and again. */
struct writer {
	struct cx *cx;
	atomic_bool stop;
	atomic_uint nr_good, nr_beyond;
	atomic_llong wrong;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	uint64_t lba = 0;
	int64_t ret;

	while (!atomic_load(&w->stop)) {
		lba = (lba + 7919) % (4 * CHUNK_BLOCKS);
		ret = rw_block(w->cx, 1, true, 0, lba, 8192);
		if (!ret)
			atomic_fetch_add(&w->nr_good, 1);
		else if (ret == OUT_OF_BOUNDS && lba >= CHUNK_BLOCKS)
			atomic_fetch_add(&w->nr_beyond, 1);
		else
			atomic_store(&w->wrong, ret);
	}
	return NULL;
}

TEST_F_TIMEOUT(slice, changes_its_size_under_io, 240)
{
	struct writer w = { .cx = &self->other };
	struct cxtest_slice *s = &self->s, neighbour;
	struct cx *cx = &self->cx;
	pthread_t thread;

	ASSERT_EQ(0, slice_handle(&self->other, s, RW));
	cx_fill(cx_data(&self->other, 8192), 4096, 1);
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_on, &w));
	for (int i = 0; i < 30; i++) {
		EXPECT_EQ(0, slice_resize(cx, s, CHUNK));
		/* What the slice has lost is another's, and clean. */
		EXPECT_EQ(0, slice_open(cx, &neighbour, 2, 3 * CHUNK));
		EXPECT_EQ(1, slice_handle(cx, &neighbour, RW));
		for (int c = 0; c < 3; c++) {
			EXPECT_EQ(0, read_block(cx, 1, c * CHUNK_BLOCKS +
						(i * 7919) % CHUNK_BLOCKS));
			EXPECT_TRUE(block_is_zero(cx));
		}
		EXPECT_EQ(0, cx_handle_close(cx, 1));
		EXPECT_EQ(0, slice_do(cx, &neighbour, CXTEST_SLICE_CLOSE));
		EXPECT_EQ(0, slice_delete(2));
		EXPECT_EQ(0, slice_resize(cx, s, 4 * CHUNK));
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, w.wrong);
	EXPECT_NE(0, w.nr_good);
}

/* A store that cannot clear quickly, full of somebody else's data. */
static int make_dirty_lun(void)
{
	static uint8_t junk[1 << 20];
	int fd, ret = 0;

	if (system("modprobe brd rd_nr=1 rd_size=524288"))
		return -ENODEV;
	memset(junk, 0xdd, sizeof(junk));
	fd = open("/dev/ram0", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, junk, sizeof(junk), CHUNK) != sizeof(junk) ||
	    fsync(fd))
		ret = -EIO;
	close(fd);
	if (!ret)
		ret = cx_lun_make("u", "block", "/dev/ram0", NULL, 4096);
	if (!ret)
		ret = cx_set("yes", "luns/u/format");
	if (!ret)
		ret = cx_set("1", "luns/u/active");
	if (!ret)
		ret = cx_adapter_link("t", 1, 0, "u");
	return ret;
}

/* Are blocks 0 and 1 of handle 1, read with one doorbell, zero? */
static bool two_blocks_are_zero(struct cx *cx)
{
	uint8_t cdb[16];

	cx_sq(cx, 8);
	memset(cx_data(cx, 0), 0xee, 8192);
	for (int i = 0; i < 2; i++) {
		cx_cdb_rw(cdb, false, i, 1);
		cx_prepare(cx, i, F_HNDL, 1, cdb, 16, i * 4096, 4096);
	}
	if (cx_run_batch(cx, 2) || cx_status(cx, 0) || cx_status(cx, 1))
		return false;
	return block_is_zero(cx) && !memcmp(cx_data(cx, 0), cx_data(cx, 4096),
					    4096);
}

TEST_F_TIMEOUT(slice, unwritten_chunks_read_as_zero, 240)
{
	struct cx *cx = &self->cx;
	struct cxtest_slice s = { .port = 1, .bytes = CHUNK };

	ASSERT_EQ(0, make_dirty_lun());
	uuid_of(s.uuid, 3);
	ASSERT_EQ(0, slice_do(cx, &s, CXTEST_SLICE_OPEN));
	EXPECT_EQ(1, s.nr_unwritten);
	ASSERT_EQ(1, slice_handle(cx, &s, RW));
	EXPECT_EQ(0, read_block(cx, 1, 0));
	EXPECT_TRUE(block_is_zero(cx));
	EXPECT_TRUE(two_blocks_are_zero(cx));
	ASSERT_EQ(0, slice_do(cx, &s, CXTEST_SLICE_INFO));
	EXPECT_EQ(1, s.nr_unwritten);
	EXPECT_EQ(0, write_block(cx, 1, 5, 77));
	ASSERT_EQ(0, slice_do(cx, &s, CXTEST_SLICE_INFO));
	EXPECT_EQ(0, s.nr_unwritten);
	EXPECT_EQ(0, read_block(cx, 1, 5));
	EXPECT_TRUE(cx_check(cx_data(cx, 0), 4096, 77));
	for (uint64_t lba = 0; lba < 256; lba += 17) {
		if (lba == 5)
			continue;
		EXPECT_EQ(0, read_block(cx, 1, lba));
		EXPECT_TRUE(block_is_zero(cx));
	}
	cx_close(cx);
	cx_adapter_remove("t");
	EXPECT_EQ(0, cx_lun_remove("u"));
	EXPECT_EQ(0, system("modprobe -r brd"));
}

TEST_F(slice, dies_with_its_lun)
{
	struct cx *cx = &self->cx;
	struct cxtest_slice *s = &self->s;

	EXPECT_EQ(0, write_block(cx, 0, 1, 1));
	ASSERT_EQ(0, cx_set("0", "luns/t/enable"));
	EXPECT_NE(0, read_block(cx, 0, 1));
	EXPECT_EQ(-ENODEV, slice_resize(cx, s, CHUNK));
	EXPECT_EQ(-ENODEV, slice_handle(cx, s, RW));
	ASSERT_EQ(0, cx_set("1", "luns/t/enable"));
	/* RAM: it comes back empty, and the old slice does not. */
	ASSERT_EQ(0, cx_set("yes", "luns/t/format"));
	ASSERT_EQ(0, cx_set("1", "luns/t/active"));
	EXPECT_EQ(NO_HANDLE, read_block(cx, 0, 1));
	EXPECT_EQ(-ENODEV, slice_resize(cx, s, CHUNK));
	EXPECT_EQ(-EBUSY, slice_open(&self->other, s, 1, CHUNK));
	EXPECT_EQ(0, cx_handle_close(cx, 0));
	EXPECT_EQ(0, slice_do(cx, s, CXTEST_SLICE_CLOSE));
	EXPECT_EQ(0, slice_open(&self->other, s, 1, CHUNK));
}

TEST_F(slice, dies_when_its_lun_leaves_the_adapter)
{
	struct cx *cx = &self->cx;

	ASSERT_EQ(0, unlink(CONFIG "/adapters/t/port0/0/lun"));
	EXPECT_EQ(NO_HANDLE, read_block(cx, 0, 1));
	EXPECT_EQ(-ENODEV, slice_resize(cx, &self->s, CHUNK));
	EXPECT_EQ(0, cx_handle_close(cx, 0));
	EXPECT_EQ(0, slice_do(cx, &self->s, CXTEST_SLICE_CLOSE));
}

TEST_F(slice, outlives_a_reset_of_the_adapter)
{
	struct cx *cx = &self->cx;

	EXPECT_EQ(0, write_block(cx, 0, 1, 21));
	ASSERT_EQ(0, cx_do(cx, CXTEST_DO_ADAPTER_RESET, 0));
	cx_rrq(cx, CX_PAGE / 8);
	EXPECT_EQ(0, read_block(cx, 0, 1));
	EXPECT_TRUE(cx_check(cx_data(cx, 0), 4096, 21));
}

TEST_F(slice, lists_more_than_a_page)
{
	struct cx *cx = &self->cx;
	static char text[1 << 16];
	struct cxtest_slice s;
	int lines = 0;

	/* A slice has at least a chunk, so there must be more of them. */
	ASSERT_EQ(0, cx_set("20G", "luns/t/size"));
	for (int i = 2; i < 77; i++) {
		ASSERT_EQ(0, slice_open(cx, &s, i, 4096));
		ASSERT_EQ(0, slice_do(cx, &s, CXTEST_SLICE_CLOSE));
	}
	ASSERT_EQ(0, cx_get(text, sizeof(text), "luns/t/slices"));
	for (char *at = text; (at = strstr(at, "5a000001-")); at++)
		lines++;
	EXPECT_EQ(76, lines);
	EXPECT_LT(4096, strlen(text));
}

/* ------------------------------------------------------------ clients */

static bool client_sees(struct cx *cx, uint32_t nr_luns, uint32_t nr_active)
{
	long long end = cx_now_ms() + 10000;
	struct cxtest_client c;

	do {
		c = client_do(cx, CXTEST_CLIENT_READ);
		if (c.changed && c.nr_luns == nr_luns &&
		    c.nr_active == nr_active)
			return true;
		usleep(10000);
	} while (cx_now_ms() < end);
	return false;
}

TEST_F(slice, clients_hear_of_adapters_and_luns)
{
	struct cx *cx = &self->cx;
	struct cxtest_client c;

	c = client_do(cx, CXTEST_CLIENT_CLOSES);
	EXPECT_EQ(1, c.added);
	EXPECT_EQ(0, slice_resize(cx, &self->s, CHUNK));
	EXPECT_TRUE(client_sees(cx, 1, 1));
	/* Its slices are closed by the client, so it can be reused at once. */
	ASSERT_EQ(0, cx_handle_close(cx, 0));
	ASSERT_EQ(0, cx_set("0", "luns/t/enable"));
	EXPECT_EQ(-ENOENT, slice_do(cx, &self->s, CXTEST_SLICE_INFO));
	c = client_do(cx, CXTEST_CLIENT_READ);
	EXPECT_EQ(1, c.lun_removing);
	EXPECT_TRUE(client_sees(cx, 0, 0));
	ASSERT_EQ(0, cx_set("1", "luns/t/enable"));
	EXPECT_TRUE(client_sees(cx, 1, 0));
	ASSERT_EQ(0, cx_set("yes", "luns/t/format"));
	ASSERT_EQ(0, cx_set("1", "luns/t/active"));
	EXPECT_TRUE(client_sees(cx, 1, 1));
	ASSERT_EQ(0, cx_set("0", "luns/t/active"));
	EXPECT_TRUE(client_sees(cx, 1, 0));
	EXPECT_EQ(2, client_do(cx, CXTEST_CLIENT_READ).lun_removing);
	ASSERT_EQ(0, cx_do(cx, CXTEST_DO_ADAPTER_RESET, 0));
	c = client_do(cx, CXTEST_CLIENT_READ);
	EXPECT_EQ(1, c.reset_begin);
	EXPECT_EQ(1, c.reset_end);
	EXPECT_EQ(0, c.error);
	c = client_do(cx, CXTEST_CLIENT_UNREGISTER);
	EXPECT_EQ(1, c.removing);
	EXPECT_EQ(0, c.wrong);
}

TEST_F(slice, clients_hear_of_removal_once)
{
	struct cx *cx = &self->cx;
	struct cxtest_client c;

	client_do(cx, CXTEST_CLIENT_REGISTER);
	ASSERT_EQ(0, cx_adapter_live("t", false));
	c = client_do(cx, CXTEST_CLIENT_READ);
	EXPECT_EQ(1, c.removing);
	EXPECT_EQ(0, c.lun_removing);
	ASSERT_EQ(0, cx_adapter_live("t", true));
	c = client_do(cx, CXTEST_CLIENT_READ);
	EXPECT_EQ(2, c.added);
	EXPECT_TRUE(client_sees(cx, 1, 1));
	c = client_do(cx, CXTEST_CLIENT_UNREGISTER);
	EXPECT_EQ(2, c.removing);
	EXPECT_EQ(0, c.wrong);
	/* And nothing any more. */
	ASSERT_EQ(0, cx_adapter_live("t", false));
	ASSERT_EQ(0, cx_adapter_live("t", true));
	c = client_do(cx, CXTEST_CLIENT_READ);
	EXPECT_EQ(2, c.removing);
	EXPECT_EQ(2, c.added);
}

static void *come_and_go(void *arg)
{
	struct cx *cx = arg;

	for (int i = 0; i < 20; i++) {
		client_do(cx, CXTEST_CLIENT_REGISTER);
		client_do(cx, CXTEST_CLIENT_UNREGISTER);
	}
	return NULL;
}

TEST_F(slice, clients_come_and_go_while_adapters_do)
{
	pthread_t thread;
	struct cxtest_client c;

	ASSERT_EQ(0, pthread_create(&thread, NULL, come_and_go, &self->cx));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, cx_adapter_live("t", false));
		EXPECT_EQ(0, cx_adapter_live("t", true));
	}
	pthread_join(thread, NULL);
	c = client_do(&self->cx, CXTEST_CLIENT_READ);
	EXPECT_EQ(c.added, c.removing);
	EXPECT_EQ(0, c.wrong);
}

TEST_HARNESS_MAIN
