/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user of a slice in slice_hammer_test.c, and what its processes share
 */
#ifndef SLICE_USER_H
#define SLICE_USER_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "slice_model.h"

#define SLICES		16
#define HANG_MS		240000U
#define EXIT_GONE	9
#define ONES		(~0ULL)
#define OUT_OF_BOUNDS	ST(0, 0x13, 0, 0)
#define CHECK		ST(0x80, 0, 2, 0)
#define UNIT_ATTENTION	6
#define EVENT_SIZE	1
#define EVENT_RESET	4

enum count {
	READS, WRITES, DROPPED, RESETS_SEEN, FLRS, REOPENS, RESIZES, REFUSED,
	KILLS, REMOVALS, SETTINGS, ADAPTER_RESETS, NR_COUNTS,
};

static const char * const count_names[NR_COUNTS] = {
	"reads", "writes", "commands dropped", "resets seen",
	"function resets", "reopens", "resizes", "resizes refused",
	"kills", "removals", "settings", "adapter resets",
};

/**
 * struct slice - what all know of a slice
 * @uuid: its name
 * @nr_blocks: how large it is
 * @resize_to: what it is being resized to; 0: it is not
 * @removing: its device is being removed
 * @m: what it holds
 */
struct slice {
	char uuid[VFIO_UUID_LEN];
	uint64_t nr_blocks;
	uint64_t resize_to;
	atomic_bool removing;
	struct model m;
};

/**
 * struct hammer - shared by all processes
 * @stop: come to an end
 * @bad: the first of whom something is wrong has told what
 * @text: what it was
 * @count: what has happened
 * @seed: of everything at random
 * @s: the slices
 */
struct hammer {
	atomic_bool stop;
	atomic_bool bad;
	char text[256];
	atomic_ulong count[NR_COUNTS];
	unsigned int seed;
	struct slice s[SLICES];
};

static struct hammer *h;

static void counted(enum count what)
{
	atomic_fetch_add(&h->count[what], 1);
}

/* A number below @n. */
static unsigned int some(unsigned int n)
{
	return random() % n;
}

/* The end of everything. */
__attribute__((format(printf, 1, 2), noreturn))
static void oops(const char *fmt, ...)
{
	va_list args;

	if (!atomic_exchange(&h->bad, true)) {
		va_start(args, fmt);
		vsnprintf(h->text, sizeof(h->text), fmt, args);
		va_end(args);
	}
	atomic_store(&h->stop, true);
	_exit(1);
}

/* A child that goes when its parent does. */
static pid_t spawn(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		oops("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

/* --- the user of a slice */

/**
 * struct user - that
 * @d: the disk, first
 * @s: the slice
 * @resizer: thread that resizes the slice, if @s->resize_to is set
 * @resized: it is done
 * @resize_ret: with this result
 */
struct user {
	struct disk d;
	struct slice *s;
	pthread_t resizer;
	atomic_bool resized;
	int resize_ret;
};

static void user_gone(struct client *c)
{
	struct slice *s = ((struct user *)c)->s;

	if (!atomic_load(&s->removing))
		oops("slice %u: the device is gone", s->m.id);
	_exit(EXIT_GONE);
}

/* Something that cannot fail unless the device is being removed. */
static int need(struct user *u, int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	if (!atomic_load(&u->s->removing))
		oops("slice %u: %s: %s", u->s->m.id, what, strerror(-ret));
	_exit(EXIT_GONE);
}

static bool user_is_failed(struct user *u)
{
	unsigned int q;

	for (q = 0; q < u->d.c.nr_queues; q++)
		if (client_get(&u->d.c, q, R_CTX_CTRL) == ONES)
			return true;
	return false;
}

/*
 * Set up contexts that were reset or made.  If the adapter has them in hand
 * they are failed until it has told of that: what is told before they are live
 * is nothing to those that are set up afterwards.  If it takes them once more
 * meanwhile, some are set up and others not: again.
 */
static void user_start(struct user *u)
{
	do {
		if (!VFIO_WAIT(!user_is_failed(u), HANG_MS))
			oops("slice %u: stays failed", u->s->m.id);
		client_put(&u->d.c, 0, S_EVENTS, EVENT_RESET);
		disk_start_queues(&u->d);
	} while (client_get(&u->d.c, 0, S_EVENTS) & EVENT_RESET);
}

static void user_open_device(struct user *u)
{
	struct vfio_user *v = &u->d.c.u;

	v->device = __vfio_group_get_device(v->group, v->uuid);
	need(u, v->device, "device");
	client_start(&u->d.c);
	user_start(u);
}

static void user_open(struct user *u)
{
	struct vfio_user *v = &u->d.c.u;

	v->group_nr = need(u, __vfio_mdev_group(v->uuid), "no group");
	v->container = need(u, __vfio_container_open(), "container");
	v->group = need(u, __vfio_group_open(v->group_nr), "group");
	need(u, __vfio_group_set_container(v->group, v->container),
	     "SET_CONTAINER");
	need(u, __vfio_container_set_iommu(v->container, VFIO_TYPE1v2_IOMMU),
	     "SET_IOMMU");
	need(u, __vfio_map(v->container, u->d.c.mem, CLIENT_IOVA, CLIENT_MEM),
	     "MAP_DMA");
	user_open_device(u);
}

/* --- commands */

/* How far a command may reach now, and how far it must be able to. */
static uint64_t user_end(const struct user *u, bool sure)
{
	uint64_t a = u->s->nr_blocks, b = u->s->resize_to ?: a;

	return (a < b) == sure ? a : b;
}

static void user_op_done(struct user *u, struct disk_op *op)
{
	uint64_t end = model_lba(op->area, op->off) + op->n;
	uint32_t status = disk_status(op);

	counted(op->write ? WRITES : READS);
	if (u->d.bad[0])
		oops("%s", u->d.bad);
	if (!status)
		return;
	if (status == CHECK && disk_sense(op) >> 16 == UNIT_ATTENTION) {
		disk_refused(&u->d, op - u->d.op);
		return;
	}
	if (status == OUT_OF_BOUNDS && end > user_end(u, true))
		return;
	oops("slice %u: status %x, sense %x, blocks %llu to %llu of %llu, then %llu",
	     u->s->m.id, status, disk_sense(op),
	     (unsigned long long)model_lba(op->area, op->off),
	     (unsigned long long)end, (unsigned long long)u->s->nr_blocks,
	     (unsigned long long)u->s->resize_to);
}

/* Take what has completed; how many there were. */
static unsigned int user_poll(struct user *u)
{
	unsigned int i, nr = 0;
	struct disk_op *op;

	for (i = 0; i < DISK_OPS; i++) {
		op = &u->d.op[i];
		if (!op->busy || !disk_done(&u->d, i))
			continue;
		user_op_done(u, op);
		nr++;
	}
	return nr;
}

static bool user_area_is_busy(struct user *u, unsigned int area)
{
	unsigned int i;

	for (i = 0; i < DISK_OPS; i++)
		if (u->d.op[i].busy && u->d.op[i].area == area)
			return true;
	return false;
}

/* A command somewhere, unless somebody is there. */
static void user_submit(struct user *u, unsigned int i)
{
	uint64_t end = user_end(u, false);
	unsigned int area = some(MODEL_AREAS), off, n, q;
	bool write = some(5) < 2;

	while (model_lba(area, 0) >= end)
		area = some(area);
	if (user_area_is_busy(u, area))
		return;
	n = MODEL_BLOCKS;
	if (end - model_lba(area, 0) < n)
		n = end - model_lba(area, 0);
	off = some(n);
	n = 1 + some(n - off);
	q = some(u->d.c.nr_queues);
	if (!disk_submit(&u->d, i, q, write, area, off, n))
		disk_submit(&u->d, i, q, false, area, off, n);
}

/* --- resets */

/* It was failed or reset: what has not completed by now does not. */
static void user_drop(struct user *u)
{
	unsigned int i;

	user_poll(u);
	for (i = 0; i < DISK_OPS; i++) {
		if (!u->d.op[i].busy)
			continue;
		u->d.op[i].busy = false;
		u->d.op[i].dropped = true;
		counted(DROPPED);
	}
}

/* Has the adapter been reset? */
static void user_look(struct user *u)
{
	uint64_t events = client_get(&u->d.c, 0, S_EVENTS);

	client_put(&u->d.c, 0, S_EVENTS, events & EVENT_SIZE);
	if (!(events & EVENT_RESET))
		return;
	counted(RESETS_SEEN);
	user_drop(u);
	user_start(u);
}

static void user_reset(struct user *u)
{
	counted(FLRS);
	if (some(2)) {
		disk_flr(&u->d);
	} else {
		need(u, __vfio_ioctl(u->d.c.u.device, VFIO_DEVICE_RESET, NULL),
		     "RESET");
		user_drop(u);
		client_command(&u->d.c, PCI_COMMAND_MEMORY |
			       PCI_COMMAND_MASTER);
	}
	if (u->d.bad[0])
		oops("%s", u->d.bad);
	user_start(u);
}

/* --- opening it again */

static bool nothing_is_locked(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return !kib;
}

static void user_close_device(struct user *u)
{
	close(u->d.c.u.device);
	u->d.c.u.device = -1;
	user_drop(u);
	/* It is this process's memory again. */
	memset(u->d.c.mem + CLIENT_DATA, 0x5a, DISK_OPS * DISK_BYTES);
	if (!VFIO_WAIT(nothing_is_locked(), HANG_MS))
		oops("slice %u: memory stays locked", u->s->m.id);
}

static void user_reopen(struct user *u)
{
	counted(REOPENS);
	user_close_device(u);
	if (some(2)) {
		user_open_device(u);
		return;
	}
	vfio_user_close_fds(&u->d.c.u);
	user_open(u);
}

/* --- waiting */

/* One round: what has completed, what has happened. */
static void user_turn(struct user *u)
{
	unsigned int i;

	if (user_poll(u) && some(32))
		return;
	user_look(u);
	for (i = 0; i < DISK_OPS; i++)
		if (u->d.op[i].busy &&
		    vfio_now_ms() - u->d.op[i].since > HANG_MS)
			oops("slice %u: a command hangs", u->s->m.id);
	/* There are many, and few processors. */
	usleep(vfio_kernel_is_debug() ? 10000 : 1000);
}

static bool user_is_busy(struct user *u)
{
	unsigned int i;

	for (i = 0; i < DISK_OPS; i++)
		if (u->d.op[i].busy)
			return true;
	return false;
}

static void user_wait(struct user *u)
{
	while (user_is_busy(u))
		user_turn(u);
}

static void user_read_area(struct user *u, unsigned int area, unsigned int n)
{
	struct disk_op *op = &u->d.op[0];

	/* Again if it was dropped, or has met a unit attention. */
	do {
		disk_submit(&u->d, 0, area % u->d.c.nr_queues, false, area, 0,
			    n);
		while (op->busy)
			user_turn(u);
	} while (op->dropped || disk_status(op));
}

/* One area of so many; all of them before the slice goes for good. */
static void user_verify(struct user *u, unsigned int of)
{
	uint64_t end = u->s->nr_blocks, lba;
	unsigned int area;

	for (area = 0; area < MODEL_AREAS; area++) {
		lba = model_lba(area, 0);
		if (lba < end && !some(of))
			user_read_area(u, area, end - lba < MODEL_BLOCKS ?
				       end - lba : MODEL_BLOCKS);
	}
}

/* --- sizes */

static uint64_t some_size(void)
{
	switch (some(3)) {
	case 0:
		return (1 + some(4)) * MODEL_CHUNK;
	case 1:
		return model_lba(1 + some(MODEL_AREAS - 1),
				 some(MODEL_BLOCKS));
	default:
		return 1 + some(4 * MODEL_CHUNK);
	}
}

/*
 * It has another size.  Blocks of chunks that it has given back will read as
 * zero when it gets some again; those of the last chunk that it has kept are
 * what they were.
 */
static void slice_resized(struct slice *s)
{
	uint64_t chunks = (s->resize_to + MODEL_CHUNK - 1) / MODEL_CHUNK;

	if (s->resize_to < s->nr_blocks)
		model_zero(&s->m, chunks * MODEL_CHUNK);
	s->nr_blocks = s->resize_to;
	s->resize_to = 0;
}

static void *resize(void *arg)
{
	struct user *u = arg;
	char path[VFIO_PATH_LEN];

	vfio_mdev_path(u->s->uuid, "size", path);
	u->resize_ret = __vfio_attr_write(path, "%llu", (unsigned long long)
					  u->s->resize_to * CLIENT_BLOCK);
	atomic_store(&u->resized, true);
	return NULL;
}

static void user_resize(struct user *u)
{
	if (u->s->resize_to)
		return;
	u->s->resize_to = some_size();
	atomic_store(&u->resized, false);
	if (pthread_create(&u->resizer, NULL, resize, u))
		oops("no thread");
}

static void user_resize_end(struct user *u)
{
	bool grow = u->s->resize_to > u->s->nr_blocks;

	pthread_join(u->resizer, NULL);
	user_wait(u);
	if (u->resize_ret == (grow ? -ENOSPC : -EBUSY)) {
		u->s->resize_to = 0;
		counted(REFUSED);
		return;
	}
	need(u, u->resize_ret, "size");
	counted(RESIZES);
	slice_resized(u->s);
	if (client_get(&u->d.c, 0, S_NR_BLOCKS) != u->s->nr_blocks)
		oops("slice %u: not the size that it was given", u->s->m.id);
}

/* One that was killed has left a resize: was it done? */
static void user_recover(struct user *u)
{
	uint64_t nr = client_get(&u->d.c, 0, S_NR_BLOCKS);

	if (u->s->resize_to == nr)
		slice_resized(u->s);
	u->s->resize_to = 0;
	if (nr != u->s->nr_blocks)
		oops("slice %u: %llu blocks instead of %llu", u->s->m.id,
		     (unsigned long long)nr,
		     (unsigned long long)u->s->nr_blocks);
}

/* --- what a user does */

static void user_step(struct user *u)
{
	unsigned int i;

	switch (some(100)) {
	case 0:
		user_reset(u);
		break;
	case 1:
		user_reopen(u);
		break;
	case 2 ... 5:
		user_resize(u);
		break;
	}
	for (i = 0; i < DISK_OPS; i++)
		if (!u->d.op[i].busy && some(2))
			user_submit(u, i);
	user_turn(u);
	if (u->s->resize_to && atomic_load(&u->resized))
		user_resize_end(u);
}

__attribute__((noreturn))
static void user_main(struct slice *s)
{
	static struct user u;

	u.s = s;
	u.d.m = &s->m;
	u.d.c.gone = user_gone;
	memcpy(u.d.c.u.uuid, s->uuid, sizeof(s->uuid));
	u.d.c.mem = vfio_mem_alloc(CLIENT_MEM);
	user_open(&u);
	user_recover(&u);
	user_verify(&u, 6);
	while (!atomic_load(&h->stop))
		user_step(&u);
	if (s->resize_to)
		user_resize_end(&u);
	user_wait(&u);
	user_verify(&u, 1);
	user_close_device(&u);
	vfio_user_close_fds(&u.d.c.u);
	_exit(0);
}

#endif /* SLICE_USER_H */
