// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: opens and closes against removals of every kind
 *
 * A table of slots holds the UUIDs in play.  Some threads create and remove the
 * devices in it, some open, use and close whatever is there, and some take the
 * ground away: they unbind drivers, unregister a parent, unload the module.
 * Any of the calls may fail, but only with an errno that the documentation
 * names, nothing hangs, and afterwards the driver has seen no call too many.
 *
 * Bounded by time: VFIO_TEST_SECONDS, 10 by default, for each test.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <linux/vfio.h>

#include "lib/vfio_harness.h"
#include "lib/vtest_lib.h"

#define NR_SLOTS	12
#define NR_OPENERS	6
#define GRACE_MS	20
#define PAGE		4096
#define IOVA		0x100000ULL

/**
 * struct storm - what the threads of a test share
 * @uuids: the slots; fixed, devices come and go
 * @types: type of each slot
 * @stop: told to end
 * @opens: opens that worked
 * @creations: creations that worked
 * @toggles: how often the ground was taken away
 * @bad: an errno that must not be, negative
 * @where: who has seen it
 */
struct storm {
	char uuids[NR_SLOTS][VT_UUID_LEN];
	const char *types[NR_SLOTS];
	volatile bool stop;
	volatile long opens;
	volatile long creations;
	volatile long toggles;
	volatile int bad;
	const char *volatile where;
};

static void check_errno(struct storm *s, const char *where, int ret,
			const int *allowed)
{
	if (ret >= 0)
		return;
	for (; *allowed; allowed++)
		if (ret == -*allowed)
			return;
	s->bad = ret;
	s->where = where;
}

static const char *slot_parent(int slot)
{
	return slot & 1 ? "vtest1" : "vtest0";
}

static void *creator(void *arg)
{
	static const int create_errnos[] = {
		EEXIST, ENODEV, ENOENT, EUSERS, EAGAIN, 0
	};
	static const int remove_errnos[] = { ENOENT, ENODEV, EAGAIN, 0 };
	unsigned int seed = (uintptr_t)&seed;
	struct storm *s = arg;
	int slot, ret;

	while (!s->stop) {
		slot = rand_r(&seed) % NR_SLOTS;
		ret = vt_create(slot_parent(slot), s->types[slot],
				s->uuids[slot]);
		check_errno(s, "create", ret, create_errnos);
		if (!ret)
			__atomic_add_fetch(&s->creations, 1, __ATOMIC_RELAXED);
		else
			vt_sleep_ms(1);
		slot = rand_r(&seed) % NR_SLOTS;
		ret = vt_remove(s->uuids[slot]);
		check_errno(s, "remove", ret, remove_errnos);
	}
	return NULL;
}

static void use_device(struct storm *s, struct vt_user *u, char *mem)
{
	static const int errnos[] = { ENODEV, EINVAL, 0 };
	char byte;
	void *p;
	int fd;

	fd = vt_get_device(u);
	if (fd >= 0)
		close(fd);
	check_errno(s, "second open", fd, errnos);
	if (!vt_map(u->container, mem, IOVA, 4 * PAGE)) {
		check_errno(s, "pin", vt_pin(u->device, IOVA, 4, 3, NULL),
			    errnos);
		vt_unmap(u->container, IOVA, 4 * PAGE);
	}
	if (pread(u->device, &byte, 1, 0) < 0)
		check_errno(s, "read", -errno, errnos);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, u->device,
		 VTEST_OFFSET(VTEST_REGION_FULL));
	if (p != MAP_FAILED) {
		*(volatile char *)p = 1;
		munmap(p, PAGE);
	} else {
		check_errno(s, "mmap", -errno, errnos);
	}
}

static void *opener(void *arg)
{
	static const int errnos[] = { ENOENT, ENODEV, EBUSY, EINVAL, ENXIO, 0 };
	unsigned int seed = (uintptr_t)&seed;
	struct storm *s = arg;
	struct vt_user u;
	char *mem;
	int ret;

	mem = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (!s->stop) {
		ret = vt_open(&u, -1, s->uuids[rand_r(&seed) % NR_SLOTS]);
		check_errno(s, "open", ret, errnos);
		if (ret) {
			/* Nothing there: leave the processors to others. */
			vt_sleep_ms(1);
			continue;
		}
		__atomic_add_fetch(&s->opens, 1, __ATOMIC_RELAXED);
		use_device(s, &u, mem);
		vt_close(&u);
	}
	munmap(mem, 4 * PAGE);
	return NULL;
}

static void *unbinder(void *arg)
{
	static const int errnos[] = { ENODEV, ENOENT, EBUSY, EAGAIN, 0 };
	unsigned int seed = (uintptr_t)&seed;
	struct storm *s = arg;
	const char *uuid;
	int ret;

	while (!s->stop) {
		uuid = s->uuids[rand_r(&seed) % NR_SLOTS];
		ret = vt_write(uuid, "/sys/bus/mdev/drivers/vtest/unbind");
		check_errno(s, "unbind", ret, errnos);
		if (!ret) {
			s->toggles++;
			/* Without a driver it can be bound, or removed. */
			vt_write(uuid, "/sys/bus/mdev/drivers/vtest/bind");
		}
		vt_sleep_ms(5);
	}
	return NULL;
}

static void *unregisterer(void *arg)
{
	static const int errnos[] = { ENOENT, EBUSY, ENODEV, 0 };
	struct storm *s = arg;

	while (!s->stop) {
		vt_sleep_ms(100);
		check_errno(s, "unregister", vt_set_registered("vtest1", false),
			    errnos);
		s->toggles++;
		vt_sleep_ms(20);
		check_errno(s, "register", vt_set_registered("vtest1", true),
			    errnos);
	}
	return NULL;
}

static void *unloader(void *arg)
{
	static const int errnos[] = { EAGAIN, EBUSY, ENOENT, 0 };
	struct storm *s = arg;
	int ret;

	while (!s->stop) {
		vt_sleep_ms(50);
		ret = vt_unload("vtest");
		check_errno(s, "unload", ret, errnos);
		if (!ret) {
			s->toggles++;
			vt_load("vtest");
		}
	}
	return NULL;
}

FIXTURE(storm) {
	struct storm s;
};

FIXTURE_VARIANT(storm) {
	const char *type;
	void *(*enemy)(void *arg);
};

FIXTURE_VARIANT_ADD(storm, removal_in_one_set) {
	.type = "set",
};

FIXTURE_VARIANT_ADD(storm, removal_in_shared_set) {
	.type = "shared",
};

FIXTURE_VARIANT_ADD(storm, unbind) {
	.enemy = unbinder,
};

FIXTURE_VARIANT_ADD(storm, parent_unregistered) {
	.enemy = unregisterer,
};

FIXTURE_VARIANT_ADD(storm, module_unloaded) {
	.enemy = unloader,
};

FIXTURE_SETUP(storm)
{
	static const char * const mix[] = { "own", "set", "shared", "foreign" };

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, vt_reset_world());
	ASSERT_EQ(0, vt_set_grace(GRACE_MS));
	for (int i = 0; i < NR_SLOTS; i++) {
		vt_make_uuid(self->s.uuids[i]);
		self->s.types[i] = variant->type ? : mix[i / 2 % 4];
	}
}

FIXTURE_TEARDOWN(storm)
{
	char what[256];

	ASSERT_EQ(0, vt_load("vtest"));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, vt_parent_violations(i ? "vtest1" : "vtest0",
						  what, sizeof(what)))
			TH_LOG("vtest%d: %s", i, what);
	}
	vt_clean_world();
	EXPECT_EQ(0, vt_unload("vtest"));
	EXPECT_EQ(0, vt_load("vtest"));
}

TEST_F_TIMEOUT(storm, survived, 200)
{
	pthread_t threads[NR_OPENERS + 3];
	struct storm *s = &self->s;
	int nr = 0;

	for (int i = 0; i < NR_OPENERS; i++) {
		pthread_create(&threads[nr++], NULL, opener, s);
	}
	for (int i = 0; i < 2; i++) {
		pthread_create(&threads[nr++], NULL, creator, s);
	}
	if (variant->enemy)
		pthread_create(&threads[nr++], NULL, variant->enemy, s);
	vt_sleep_ms(vt_seconds(10) * 1000);
	s->stop = true;
	while (nr--)
		pthread_join(threads[nr], NULL);
	printf("# %ld opens, %ld creations, %ld times worse\n", s->opens,
	       s->creations, s->toggles);
	EXPECT_EQ(0, s->bad)
		TH_LOG("%s: %s", s->where, strerror(-s->bad));
	EXPECT_LT(0, s->creations);
}

/* Threads that open and close one device of their own, in one set. */
static void *own_opener(void *arg)
{
	char uuid[VT_UUID_LEN];
	struct storm *s = arg;
	struct vt_user u;
	int ret;

	vt_make_uuid(uuid);
	ret = vt_create("vtest0", s->types[0], uuid);
	while (!s->stop && !ret) {
		ret = vt_open(&u, -1, uuid);
		if (ret)
			break;
		__atomic_add_fetch(&s->opens, 1, __ATOMIC_RELAXED);
		vt_close(&u);
	}
	if (ret) {
		s->bad = ret;
		s->where = "own device";
	}
	vt_remove(uuid);
	return NULL;
}

FIXTURE(calm) {
	struct storm s;
};

FIXTURE_VARIANT(calm) {
	const char *type;
};

FIXTURE_VARIANT_ADD(calm, own) { .type = "own" };
FIXTURE_VARIANT_ADD(calm, set) { .type = "set" };
FIXTURE_VARIANT_ADD(calm, shared) { .type = "shared" };

FIXTURE_SETUP(calm)
{
	ASSERT_EQ(0, vt_reset_world());
	self->s.types[0] = variant->type;
}

FIXTURE_TEARDOWN(calm)
{
	char what[256];

	EXPECT_EQ(0, vt_parent_violations("vtest0", what, sizeof(what)))
		TH_LOG("%s", what);
	vt_clean_world();
}

/* With nobody interfering, no open may fail. */
TEST_F_TIMEOUT(calm, opens_and_closes, 100)
{
	pthread_t threads[NR_OPENERS];

	for (int i = 0; i < NR_OPENERS; i++) {
		pthread_create(&threads[i], NULL, own_opener, &self->s);
	}
	vt_sleep_ms(vt_seconds(10) * 500);
	self->s.stop = true;
	for (int i = 0; i < NR_OPENERS; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("# %s: %ld opens\n", variant->type, self->s.opens);
	EXPECT_EQ(0, self->s.bad);
	EXPECT_EQ(self->s.opens, vt_parent_stat("vtest0", "open_device"));
	EXPECT_EQ(self->s.opens, vt_parent_stat("vtest0", "close_device"));
}

TEST_HARNESS_MAIN
