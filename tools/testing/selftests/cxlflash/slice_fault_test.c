// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every fault point of an adapter while slices do I/O: what their users see,
 * who is spared, how it ends, and what became of the data
 *
 *   adapter sv --- port0/0 -> LUN sv     slices a and b, a chunk each
 *             \--- port1/0 -> LUN sw     slice c
 *
 * What was acknowledged must be there; what was refused must not be, and what
 * was lost or reset away is one or the other and stays so (slice_model.h).
 *
 * With one of three pairs of stores and services, which VFIO_TEST_SEED chooses;
 * with all of them if VFIO_TEST_SECONDS is set.
 */
#include <time.h>

#include "kselftest_harness.h"
#include "slice_model.h"

#define ONES		(~0ULL)
#define AREAS		15U		/* that lie in one chunk */
#define LINK_DOWN	ST(0, 0, 0, 0x57)
#define PORT_ERROR	ST(0, 0, 0, 0x5b)
#define NO_EXCHANGE	ST(0, 0, 0, 0x55)
#define CHECK		ST(0x80, 0, 2, 0)
#define NEVER		0xffffffffU
#define EVENT_RESET	4
#define RESET		"/sys/bus/cxlflash/devices/sv/reset"
#define STATE		"/sys/bus/cxlflash/devices/sv/state"

static int fault(const char *name, const char *value)
{
	return cx_set(value, "adapters/sv/faults/%s", name);
}

static bool adapter_is(const char *state)
{
	char buf[32];

	return __vfio_attr_read(STATE, buf, sizeof(buf)) > 0 &&
	       !strcmp(buf, state);
}

static bool slice_is(struct disk *d, const char *state)
{
	char path[VFIO_PATH_LEN], buf[32];

	vfio_mdev_path(d->c.u.uuid, "state", path);
	return __vfio_attr_read(path, buf, sizeof(buf)) > 0 &&
	       !strcmp(buf, state);
}

static long slice_number(struct disk *d, const char *attr)
{
	char path[VFIO_PATH_LEN];

	vfio_mdev_path(d->c.u.uuid, attr, path);
	return vfio_attr_read_long(path);
}

/* --- I/O */

static bool wait_op(struct disk *d, unsigned int i)
{
	return VFIO_WAIT(disk_done(d, i), CLIENT_MS);
}

/* Command 0, from the beginning to the end: its status, or NEVER. */
static uint32_t io(struct disk *d, bool write, unsigned int area,
		   unsigned int off, unsigned int n)
{
	if (!disk_submit(d, 0, area % d->c.nr_queues, write, area, off, n))
		return NEVER;
	return wait_op(d, 0) ? disk_status(&d->op[0]) : NEVER;
}

/* The same by somebody who knows that it is refused. */
static uint32_t io_refused(struct disk *d, bool write, unsigned int area)
{
	uint32_t status = io(d, write, area, 0, MODEL_BLOCKS);

	if (status && status != NEVER)
		disk_refused(d, 0);
	return status;
}

/* All areas are what they should be. */
static bool verify(struct disk *d)
{
	unsigned int area;

	for (area = 0; area < AREAS && !d->bad[0]; area++)
		if (io(d, false, area, 0, MODEL_BLOCKS))
			snprintf(d->bad, sizeof(d->bad),
				 "slice %u: status %x of a read of area %u",
				 d->m->id, disk_status(&d->op[0]), area);
	if (d->bad[0])
		vfio_note("%s", d->bad);
	return !d->bad[0];
}

/* Commands 1 to 8: writes and reads, one in an area each. */
#define LOAD	8U

static void load_start(struct disk *d)
{
	unsigned int i;

	for (i = 1; i <= LOAD; i++)
		VFIO_CHECK(disk_submit(d, i, i % d->c.nr_queues, i % 2, i + 2,
				       i, MODEL_BLOCKS - i));
}

/*
 * They end well or with @status, with which they were refused; those that were
 * submitted after a fault began (@all) with nothing else.
 */
static bool load_ends(struct disk *d, uint32_t status, bool all)
{
	uint32_t got;
	unsigned int i;

	for (i = 1; i <= LOAD; i++) {
		if (!wait_op(d, i))
			return false;
		got = disk_status(&d->op[i]);
		if (got != status && (all || got))
			return false;
		if (got)
			disk_refused(d, i);
	}
	return true;
}

/* None of them completes, and nobody will hear of them. */
static bool load_is_lost(struct disk *d)
{
	vfio_sleep_ms(300);
	if (disk_busy(d) != LOAD)
		return false;
	disk_drop(d);
	return true;
}

/* --- recovery */

static int adapter_reset(void)
{
	return __vfio_attr_write(RESET, "1");
}

/* Registers of all contexts read as ones, or none of them does. */
static bool registers_are_ones(struct disk *d, bool ones)
{
	unsigned int q;

	for (q = 0; q < d->c.nr_queues; q++)
		if (ones != (client_get(&d->c, q, R_CTX_CTRL) == ONES))
			return false;
	return true;
}

static void flr(struct disk *d)
{
	disk_flr(d);
	disk_start_queues(d);
}

/* As a driver does that has been told of a reset of the adapter. */
static bool heard_of_reset(struct disk *d, int fd)
{
	if (fd >= 0 && !vfio_eventfd_wait(fd, CLIENT_MS))
		return false;
	if (client_get(&d->c, 0, S_EVENTS) != EVENT_RESET ||
	    !registers_are_ones(d, false))
		return false;
	disk_drop(d);
	client_put(&d->c, 0, S_EVENTS, EVENT_RESET);
	disk_start_queues(d);
	return true;
}

/* --- the world */

static void make_second_lun(void)
{
	VFIO_CHECK(!cx_lun_make("sw", "ram", NULL, "1G", CLIENT_BLOCK));
	VFIO_CHECK(!cx_set("yes", "luns/sw/format"));
	VFIO_CHECK(!cx_set("1", "luns/sw/active"));
	VFIO_CHECK(!cx_adapter_link("sv", 1, 0, "sw"));
	VFIO_CHECK(VFIO_WAIT(!access(CLIENT_TYPES "/cxlflash-sw-rest/create",
				     F_OK), CLIENT_MS));
}

static void world_end(void)
{
	client_world_end();
	cx_set("0", "luns/sw/active");
	cx_lun_remove("sw");
}

/* A slice of one chunk that holds something in every other area. */
static void disk_make(struct disk *d, struct model *m, unsigned int id,
		      const char *type, const char *service)
{
	char path[VFIO_PATH_LEN];
	unsigned int area;

	m->id = id;
	d->m = m;
	vfio_user_open(&d->c.u, "sv", type);
	vfio_mdev_path(d->c.u.uuid, "size", path);
	vfio_attr_write(path, "256M");
	vfio_mdev_path(d->c.u.uuid, "service", path);
	vfio_attr_write(path, "%s", service);
	d->c.mem = vfio_mem_alloc(CLIENT_MEM);
	vfio_map(d->c.u.container, d->c.mem, CLIENT_IOVA, CLIENT_MEM);
	client_reopen(&d->c);
	for (area = 0; area < AREAS; area += 2)
		VFIO_CHECK(!io(d, true, area, 0, MODEL_BLOCKS));
}

static int event_fd(struct disk *d)
{
	int fd = vfio_eventfd();

	VFIO_CHECK(!__vfio_set_trigger(d->c.u.device, VFIO_PCI_MSIX_IRQ_INDEX,
				       0, fd));
	return fd;
}

FIXTURE(fault)
{
	struct disk a;
	struct disk b;
	struct disk c;
	int fd[3];
	struct model *m;
};

FIXTURE_VARIANT(fault)
{
	const char *store;
	const char *path;
	const char *size;
	const char *service;
};

FIXTURE_VARIANT_ADD(fault, ram_polled)
{
	.store = "ram", .size = "1G", .service = "polled",
};

FIXTURE_VARIANT_ADD(fault, ram_kick)
{
	.store = "ram", .size = "1G", .service = "kick",
};

FIXTURE_VARIANT_ADD(fault, block_interrupt)
{
	.store = "block", .path = "/dev/ram0", .service = "interrupt",
};

FIXTURE_SETUP(fault)
{
	client_world(variant->store, variant->path, variant->size);
	cx_set("0", "luns/sw/active");
	cx_lun_remove("sw");
	make_second_lun();
	self->m = vfio_mem_alloc(3 * sizeof(*self->m));
	disk_make(&self->a, &self->m[0], 1, "cxlflash-sv-rest",
		  variant->service);
	disk_make(&self->b, &self->m[1], 2, "cxlflash-sv-rest",
		  variant->service);
	disk_make(&self->c, &self->m[2], 3, "cxlflash-sw-rest",
		  variant->service);
	self->fd[0] = event_fd(&self->a);
	self->fd[1] = event_fd(&self->b);
	self->fd[2] = event_fd(&self->c);
}

FIXTURE_TEARDOWN(fault)
{
	client_close(&self->a.c);
	client_close(&self->b.c);
	client_close(&self->c.c);
	world_end();
}

#define EXPECT_ALL_VERIFY()						\
	do {								\
		EXPECT_TRUE(verify(&self->a));				\
		EXPECT_TRUE(verify(&self->b));				\
		EXPECT_TRUE(verify(&self->c));				\
	} while (0)

#define EXPECT_ALL_TOLD()						\
	do {								\
		EXPECT_NE(0, vfio_eventfd_wait(self->fd[0], CLIENT_MS)); \
		EXPECT_NE(0, vfio_eventfd_wait(self->fd[1], CLIENT_MS)); \
		EXPECT_NE(0, vfio_eventfd_wait(self->fd[2], CLIENT_MS)); \
	} while (0)

/* --- ports */

TEST_F_TIMEOUT(fault, a_link_that_is_down, 300)
{
	struct disk *a = &self->a, *b = &self->b, *c = &self->c;

	load_start(a);
	load_start(c);
	ASSERT_EQ(0, fault("link_down", "1"));
	EXPECT_TRUE(load_ends(a, LINK_DOWN, false));
	EXPECT_TRUE(load_ends(c, 0, true));
	/* The adapter's port is everybody's. */
	EXPECT_ALL_TOLD();
	EXPECT_EQ(0, client_get(&a->c, 0, S_EVENTS));
	load_start(a);
	EXPECT_TRUE(load_ends(a, LINK_DOWN, true));
	EXPECT_EQ(LINK_DOWN, io_refused(a, true, 1));
	EXPECT_EQ(0, a->op[0].asa.port);
	EXPECT_EQ(LINK_DOWN, io_refused(b, false, 2));
	EXPECT_EQ(0, io(c, true, 1, 0, MODEL_BLOCKS));
	EXPECT_EQ(1, c->op[0].asa.port);
	/* No reset brings a link up. */
	flr(a);
	EXPECT_EQ(LINK_DOWN, io_refused(a, true, 3));
	ASSERT_EQ(0, fault("link_down", "0"));
	EXPECT_ALL_TOLD();
	EXPECT_EQ(0, io(a, true, 2, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

TEST_F_TIMEOUT(fault, another_port_takes_over, 300)
{
	struct disk *a = &self->a, *b = &self->b;

	ASSERT_EQ(0, cx_adapter_link("sv", 1, 1, "sv"));
	load_start(a);
	ASSERT_EQ(0, fault("link_down", "1"));
	EXPECT_TRUE(load_ends(a, 0, true));
	load_start(a);
	EXPECT_TRUE(load_ends(a, 0, true));
	EXPECT_EQ(0, io(b, true, 1, 0, MODEL_BLOCKS));
	EXPECT_EQ(1, b->op[0].asa.port);
	ASSERT_EQ(0, fault("link_down", "3"));
	EXPECT_EQ(LINK_DOWN, io_refused(a, true, 1));
	EXPECT_EQ(LINK_DOWN, io_refused(&self->c, true, 1));
	ASSERT_EQ(0, fault("link_down", "2"));
	EXPECT_EQ(0, io(a, true, 1, 0, MODEL_BLOCKS));
	EXPECT_EQ(0, a->op[0].asa.port);
	EXPECT_EQ(LINK_DOWN, io_refused(&self->c, true, 1));
	ASSERT_EQ(0, fault("link_down", "0"));
	EXPECT_ALL_VERIFY();
}

TEST_F_TIMEOUT(fault, a_port_with_errors, 300)
{
	struct disk *a = &self->a, *b = &self->b, *c = &self->c;

	load_start(a);
	load_start(c);
	ASSERT_EQ(0, fault("port_error", "1"));
	EXPECT_TRUE(load_ends(a, PORT_ERROR, false));
	EXPECT_TRUE(load_ends(c, 0, true));
	load_start(a);
	EXPECT_TRUE(load_ends(a, PORT_ERROR, true));
	EXPECT_EQ(PORT_ERROR, io_refused(b, true, 2));
	EXPECT_EQ(0, io(c, true, 1, 0, MODEL_BLOCKS));
	ASSERT_EQ(0, fault("port_error", "2"));
	EXPECT_EQ(0, io(a, true, 2, 0, MODEL_BLOCKS));
	EXPECT_EQ(PORT_ERROR, io_refused(c, true, 2));
	ASSERT_EQ(0, fault("port_error", "0"));
	EXPECT_ALL_VERIFY();
}

TEST_F_TIMEOUT(fault, an_asynchronous_error, 300)
{
	struct disk *a = &self->a;

	load_start(a);
	ASSERT_EQ(0, fault("async_bits", "0x20"));
	EXPECT_ALL_TOLD();
	EXPECT_TRUE(load_ends(a, 0, true));
	EXPECT_EQ(0, client_get(&a->c, 0, S_EVENTS));
	/* Once, and nobody tells of none. */
	ASSERT_EQ(0, fault("async_bits", "0"));
	EXPECT_EQ(0, vfio_eventfd_wait(self->fd[0], 0));
	EXPECT_ALL_VERIFY();
}

/* --- media */

/* Make block @i of an area of @d's bad; false: it is in none of the chunks. */
static bool make_bad(struct disk *d, unsigned int area, unsigned int i)
{
	unsigned int chunk;
	char text[24];

	for (chunk = 0; chunk < 8; chunk++) {
		snprintf(text, sizeof(text), "%llu", chunk * MODEL_CHUNK +
			 (unsigned long long)model_lba(area, i) + 1);
		VFIO_CHECK(!fault("media_lba", text));
		if (io(d, false, area, i, 1))
			return true;
	}
	return false;
}

static uint32_t sense_lba(const struct disk_op *op)
{
	uint32_t lba;

	memcpy(&lba, op->asa.sense + 3, 4);
	return op->asa.sense[0] & 0x80 ? be32toh(lba) : ~0U;
}

TEST_F_TIMEOUT(fault, a_bad_block, 300)
{
	struct disk *a = &self->a, *b = &self->b, *c = &self->c;
	struct disk_op *op = &a->op[0];

	ASSERT_TRUE(make_bad(a, 4, 5));
	EXPECT_EQ(CHECK, disk_status(op));
	load_start(b);
	EXPECT_EQ(CHECK, io(a, false, 4, 0, MODEL_BLOCKS));
	EXPECT_EQ(0x031100, disk_sense(op));
	EXPECT_EQ(model_lba(4, 5), sense_lba(op));
	EXPECT_EQ(MODEL_BLOCKS * CLIENT_BLOCK, le32toh(op->asa.resid));
	EXPECT_EQ(CHECK, io(a, true, 4, 0, MODEL_BLOCKS));
	EXPECT_EQ(0x030c02, disk_sense(op));
	EXPECT_EQ(model_lba(4, 5), sense_lba(op));
	/* Beside it nothing has happened. */
	EXPECT_EQ(0, io(a, false, 4, 0, 5));
	EXPECT_EQ(0, io(a, true, 4, 6, MODEL_BLOCKS - 6));
	EXPECT_TRUE(load_ends(b, 0, true));
	EXPECT_EQ(0, io(b, true, 4, 0, MODEL_BLOCKS));
	EXPECT_TRUE(verify(b));
	EXPECT_EQ(0, io(c, true, 5, 0, MODEL_BLOCKS));
	/* Not cured by a reset. */
	flr(a);
	EXPECT_EQ(CHECK, io(a, false, 4, 5, 1));
	ASSERT_EQ(0, fault("media_lba", "0"));
	EXPECT_EQ(0, io(a, false, 4, 0, MODEL_BLOCKS));
	EXPECT_EQ(0, io(a, true, 4, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

/* --- time */

TEST_F_TIMEOUT(fault, a_slow_adapter, 300)
{
	struct disk *a = &self->a;
	uint64_t from;

	ASSERT_EQ(0, fault("slow_ms", "300"));
	from = vfio_now_ms();
	load_start(a);
	load_start(&self->b);
	EXPECT_TRUE(load_ends(a, 0, true));
	EXPECT_TRUE(load_ends(&self->b, 0, true));
	EXPECT_LE(150, vfio_now_ms() - from);
	ASSERT_EQ(0, fault("slow_ms", "0"));
	EXPECT_ALL_VERIFY();
}

/* What a reset has dropped was not executed, and is not later. */
static void refuse_dropped(struct disk *d)
{
	unsigned int i;

	for (i = 0; i < DISK_OPS; i++)
		if (d->op[i].dropped)
			disk_refused(d, i);
}

TEST_F_TIMEOUT(fault, reset_while_it_is_slow, 300)
{
	struct disk *a = &self->a;
	uint64_t from = vfio_now_ms();

	ASSERT_EQ(0, fault("slow_ms", "2000"));
	load_start(a);
	ASSERT_EQ(0, fault("slow_ms", "0"));
	load_start(&self->b);
	flr(a);
	refuse_dropped(a);
	EXPECT_TRUE(load_ends(&self->b, 0, true));
	EXPECT_TRUE(verify(a));
	EXPECT_EQ(0, io(a, true, 4, 0, MODEL_BLOCKS));
	while (vfio_now_ms() - from < 3000)
		vfio_sleep_ms(50);
	EXPECT_ALL_VERIFY();
}

/* Wait until whatever sat on its commands for too long has let go. */
static bool comes_back(struct disk *d)
{
	if (!VFIO_WAIT(registers_are_ones(d, false), CLIENT_MS))
		return false;
	disk_start_queues(d);
	return slice_is(d, "live");
}

TEST_F_TIMEOUT(fault, slower_than_a_function_reset, 300)
{
	struct disk *a = &self->a;

	ASSERT_EQ(0, fault("slow_ms", "9000"));
	load_start(a);
	/* They are fetched while it is slow. */
	EXPECT_TRUE(VFIO_WAIT(slice_number(a, "counters/cmds") >= LOAD,
			      CLIENT_MS));
	vfio_sleep_ms(200);
	ASSERT_EQ(0, fault("slow_ms", "0"));
	EXPECT_EQ(-ETIMEDOUT, __vfio_ioctl(a->c.u.device, VFIO_DEVICE_RESET,
					   NULL));
	disk_drop(a);
	refuse_dropped(a);
	client_command(&a->c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EXPECT_TRUE(registers_are_ones(a, true));
	EXPECT_TRUE(slice_is(a, "error"));
	EXPECT_TRUE(verify(&self->b));
	EXPECT_TRUE(comes_back(a));
	EXPECT_ALL_VERIFY();
	EXPECT_EQ(0, io(a, true, 4, 0, MODEL_BLOCKS));
	EXPECT_EQ(0, vfio_ioctl(a->c.u.device, VFIO_DEVICE_RESET, NULL));
	client_command(&a->c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	disk_start_queues(a);
	EXPECT_TRUE(verify(a));
}

TEST_F_TIMEOUT(fault, slower_than_an_adapter_reset, 300)
{
	struct disk *a = &self->a;
	long was = vfio_attr_read_long(RESET_WAIT);

	ASSERT_EQ(0, fault("slow_ms", "9000"));
	load_start(a);
	vfio_sleep_ms(500);
	ASSERT_EQ(0, fault("slow_ms", "0"));
	vfio_attr_write(RESET_WAIT, "200");
	EXPECT_EQ(-EBUSY, adapter_reset());
	vfio_attr_write(RESET_WAIT, "%ld", was);
	EXPECT_TRUE(adapter_is("live"));
	EXPECT_TRUE(slice_is(a, "error"));
	EXPECT_TRUE(registers_are_ones(a, true));
	/* The others go on. */
	EXPECT_TRUE(heard_of_reset(&self->b, self->fd[1]));
	EXPECT_TRUE(heard_of_reset(&self->c, self->fd[2]));
	EXPECT_TRUE(verify(&self->b));
	EXPECT_TRUE(verify(&self->c));
	disk_drop(a);
	refuse_dropped(a);
	client_put(&a->c, 0, S_EVENTS, EVENT_RESET);
	EXPECT_TRUE(comes_back(a));
	EXPECT_EQ(0, io(a, true, 6, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

/* --- completions that are lost */

static uint32_t abort_op(struct disk *d, unsigned int i)
{
	struct disk_op *op = &d->op[i];
	struct cx_arcb arcb = { .flags = F_AFU, .cdb = { 0xc1 } };
	uint64_t ea = htobe64(client_ea(op->q, CLIENT_ASA) + op->slot * 64);
	unsigned int slot;
	struct cx_asa *asa;

	memcpy(arcb.cdb + 2, &ea, 8);
	slot = client_submit(&d->c, op->q, &arcb);
	if (client_wait(&d->c, op->q, slot, CLIENT_MS) == CLIENT_ENOENT)
		return NEVER;
	asa = client_asa(&d->c, op->q, slot);
	return ST(asa->flags, asa->afu_rc, asa->scsi_rc, asa->fc_rc);
}

static bool room_is_back(struct disk *d)
{
	unsigned int q;

	for (q = 0; q < d->c.nr_queues; q++)
		if (!VFIO_WAIT(client_get(&d->c, q, R_CMD_ROOM) ==
			       CLIENT_DEPTH, CLIENT_MS))
			return false;
	return true;
}

TEST_F_TIMEOUT(fault, all_completions_are_lost, 300)
{
	struct disk *a = &self->a;
	long dropped = slice_number(a, "counters/dropped");
	unsigned int i;

	ASSERT_EQ(0, fault("lose_nth", "1"));
	load_start(a);
	EXPECT_TRUE(VFIO_WAIT(slice_number(a, "counters/dropped") ==
			      dropped + LOAD, CLIENT_MS));
	ASSERT_EQ(0, fault("lose_nth", "0"));
	EXPECT_EQ(LOAD, disk_busy(a));
	EXPECT_TRUE(room_is_back(a));
	for (i = 1; i <= LOAD; i++)
		EXPECT_EQ(NO_EXCHANGE, abort_op(a, i));
	EXPECT_TRUE(load_is_lost(a));
	/* They were executed, once. */
	for (i = 1; i <= LOAD; i += 2)
		model_wrote(a->m, a->op[i].area, a->op[i].off, a->op[i].n,
			    a->op[i].gen);
	EXPECT_TRUE(verify(a));
	EXPECT_EQ(0, io(a, true, 3, 0, MODEL_BLOCKS));
	flr(a);
	EXPECT_ALL_VERIFY();
}

TEST_F_TIMEOUT(fault, every_third_completion_is_lost, 300)
{
	struct disk *a = &self->a;
	long dropped = slice_number(a, "counters/dropped");
	unsigned int i, done = 0;

	ASSERT_EQ(0, fault("lose_nth", "3"));
	for (i = 0; i < 9; i++) {
		ASSERT_TRUE(disk_submit(a, i, i % 4, i % 2, i, 0,
					MODEL_BLOCKS));
		ASSERT_TRUE(VFIO_WAIT(disk_done(a, i) || dropped !=
				      slice_number(a, "counters/dropped"),
				      CLIENT_MS));
		if (disk_done(a, i))
			done++;
		dropped = slice_number(a, "counters/dropped");
	}
	EXPECT_EQ(6, done);
	EXPECT_EQ(3, disk_busy(a));
	/* Until it ends a reset is of no use. */
	ASSERT_EQ(0, fault("lose_nth", "0"));
	flr(a);
	EXPECT_EQ(0, io(a, true, 1, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

/* --- failure */

TEST_F_TIMEOUT(fault, failure_and_reset, 300)
{
	struct disk *d[] = { &self->a, &self->b, &self->c };
	unsigned int i;

	/* So that commands are under way for sure. */
	ASSERT_EQ(0, fault("slow_ms", "5000"));
	for (i = 0; i < 3; i++)
		load_start(d[i]);
	ASSERT_EQ(0, fault("fail", "1"));
	EXPECT_TRUE(adapter_is("failed"));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(registers_are_ones(d[i], true));
		EXPECT_TRUE(slice_is(d[i], "error"));
		EXPECT_EQ(0, client_get(&d[i]->c, 0, S_EVENTS));
		EXPECT_TRUE(load_is_lost(d[i]));
		refuse_dropped(d[i]);
	}
	ASSERT_EQ(0, fault("slow_ms", "0"));
	/* What the adapter has failed no function's reset cures. */
	vfio_ioctl(d[0]->c.u.device, VFIO_DEVICE_RESET, NULL);
	client_command(&d[0]->c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EXPECT_TRUE(registers_are_ones(d[0], true));
	EXPECT_TRUE(slice_is(d[0], "error"));
	EXPECT_EQ(0, adapter_reset());
	EXPECT_TRUE(adapter_is("live"));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(heard_of_reset(d[i], i ? self->fd[i] : -1));
	EXPECT_ALL_VERIFY();
	EXPECT_EQ(0, io(d[0], true, 4, 0, MODEL_BLOCKS));
	EXPECT_EQ(0, io(d[2], true, 4, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

/* Clearing the fault point is not what makes a failed adapter work. */
TEST_F_TIMEOUT(fault, a_failure_lasts_until_the_reset, 300)
{
	struct disk *a = &self->a;
	char value[16];

	ASSERT_EQ(0, fault("fail", "1"));
	ASSERT_EQ(0, fault("fail", "0"));
	EXPECT_TRUE(adapter_is("failed"));
	EXPECT_TRUE(registers_are_ones(a, true));
	/* It can be closed meanwhile, but not opened. */
	close(a->c.u.device);
	EXPECT_TRUE(slice_is(a, "closed"));
	EXPECT_EQ(-ENODEV, __vfio_group_get_device(a->c.u.group,
						   a->c.u.uuid));
	EXPECT_EQ(0, adapter_reset());
	EXPECT_EQ(0, cx_get(value, sizeof(value), "adapters/sv/faults/fail"));
	EXPECT_STREQ("0", value);
	a->c.u.device = vfio_group_get_device(a->c.u.group, a->c.u.uuid);
	client_start(&a->c);
	EXPECT_EQ(0, client_get(&a->c, 0, S_EVENTS));
	EXPECT_TRUE(heard_of_reset(&self->b, self->fd[1]));
	EXPECT_TRUE(heard_of_reset(&self->c, self->fd[2]));
	EXPECT_EQ(0, io(a, true, 4, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

TEST_F_TIMEOUT(fault, a_reset_that_fails, 300)
{
	struct disk *d[] = { &self->a, &self->b, &self->c };
	unsigned int i;

	ASSERT_EQ(0, fault("fail_reset", "1"));
	/* Until there is one nothing happens. */
	EXPECT_EQ(0, io(d[0], true, 4, 0, MODEL_BLOCKS));
	load_start(d[0]);
	EXPECT_EQ(-EIO, adapter_reset());
	EXPECT_TRUE(adapter_is("failed"));
	disk_drop(d[0]);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(registers_are_ones(d[i], true));
		EXPECT_TRUE(slice_is(d[i], "error"));
		EXPECT_EQ(0, client_get(&d[i]->c, 0, S_EVENTS));
	}
	EXPECT_EQ(-EIO, adapter_reset());
	disk_flr(d[1]);
	EXPECT_TRUE(registers_are_ones(d[1], true));
	ASSERT_EQ(0, fault("fail_reset", "0"));
	EXPECT_TRUE(adapter_is("failed"));
	EXPECT_EQ(0, adapter_reset());
	EXPECT_TRUE(adapter_is("live"));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(heard_of_reset(d[i], i == 1 ? -1 : self->fd[i]));
	EXPECT_ALL_VERIFY();
	EXPECT_EQ(0, io(d[1], true, 4, 0, MODEL_BLOCKS));
	EXPECT_ALL_VERIFY();
}

/* One variant, which the seed chooses. */
int main(int argc, char **argv)
{
	static char * const variants[] = {
		"ram_polled", "ram_kick", "block_interrupt",
	};
	const char *text = getenv("VFIO_TEST_SEED");
	unsigned int seed = text ? strtoul(text, NULL, 0) : time(NULL);
	char *sample[] = { argv[0], "-v", variants[seed % 3], NULL };

	if (argc > 1 || getenv("VFIO_TEST_SECONDS"))
		return test_harness_run(argc, argv);
	return test_harness_run(3, sample);
}
