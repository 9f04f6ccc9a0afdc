// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device sets, and what is called when in open and close
 *
 * Every case reads the driver's own counters: open_count inside
 * close_device() is 1, a set-wide section sees nobody opening, and so on.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

#include <linux/vfio.h>

#include "lib/vfio_harness.h"
#include "lib/vtest_lib.h"

#define NR_DEVICES	4
#define DELAY_MS	(300 * vt_slack())

FIXTURE(set) {
	char uuids[NR_DEVICES][VT_UUID_LEN];
};

FIXTURE_SETUP(set)
{
	ASSERT_EQ(0, vt_reset_world());
}

FIXTURE_TEARDOWN(set)
{
	char what[256];

	EXPECT_EQ(0, vt_parent_violations("vtest0", what, sizeof(what)))
		TH_LOG("%s", what);
	vt_clean_world();
}

/**
 * struct opener - a thread that opens and closes one device
 * @uuid: which
 * @rounds: how often
 * @thread: the thread
 * @ret: first error
 */
struct opener {
	const char *uuid;
	unsigned int rounds;
	pthread_t thread;
	int ret;
};

static void *opener_main(void *arg)
{
	struct opener *o = arg;
	struct vt_user u;

	for (unsigned int i = 0; i < o->rounds; i++) {
		o->ret = vt_open(&u, -1, o->uuid);
		if (o->ret)
			return NULL;
		vt_close(&u);
	}
	return NULL;
}

static int create_all(char uuids[][VT_UUID_LEN], const char *type,
		      unsigned int open_delay_ms)
{
	int ret = 0;

	for (int i = 0; i < NR_DEVICES && !ret; i++) {
		vt_make_uuid(uuids[i]);
		ret = vt_create("vtest0", type, uuids[i]);
		if (!ret)
			ret = vt_set_knob(uuids[i], "open_delay_ms",
					  open_delay_ms);
	}
	return ret;
}

/* Open every device once, all at a time; the milliseconds or an errno. */
static long long open_all(char uuids[][VT_UUID_LEN], unsigned int rounds)
{
	struct opener openers[NR_DEVICES];
	long long start = vt_now_ms();
	int ret = 0;

	for (int i = 0; i < NR_DEVICES; i++) {
		openers[i] = (struct opener){
			.uuid = uuids[i],
			.rounds = rounds,
		};
		pthread_create(&openers[i].thread, NULL, opener_main,
			       &openers[i]);
	}
	for (int i = 0; i < NR_DEVICES; i++) {
		pthread_join(openers[i].thread, NULL);
		ret = ret ? : openers[i].ret;
	}
	return ret ? ret : vt_now_ms() - start;
}

TEST_F_TIMEOUT(set, plain_opens_one_after_the_other, 60)
{
	long long ms;

	ASSERT_EQ(0, create_all(self->uuids, "set", DELAY_MS));
	ms = open_all(self->uuids, 1);
	printf("# plain: %d opens of %u ms took %lld ms\n", NR_DEVICES,
	       DELAY_MS, ms);
	EXPECT_GE(ms, (long long)NR_DEVICES * DELAY_MS);
	EXPECT_EQ(1, vt_parent_stat("vtest0", "opening_max"));
}

TEST_F_TIMEOUT(set, shared_opens_in_parallel, 60)
{
	long long ms;

	ASSERT_EQ(0, create_all(self->uuids, "shared", DELAY_MS));
	ms = open_all(self->uuids, 1);
	printf("# shared: %d opens of %u ms took %lld ms\n", NR_DEVICES,
	       DELAY_MS, ms);
	EXPECT_LT(ms, (long long)NR_DEVICES * DELAY_MS);
	EXPECT_EQ(NR_DEVICES, vt_parent_stat("vtest0", "opening_max"));
}

TEST_F_TIMEOUT(set, own_opens_in_parallel, 60)
{
	ASSERT_EQ(0, create_all(self->uuids, "own", DELAY_MS));
	EXPECT_LT(open_all(self->uuids, 1), (long long)NR_DEVICES * DELAY_MS);
	/* Each is alone in its set. */
	EXPECT_EQ(1, vt_parent_stat("vtest0", "opening_max"));
}

/* Two descriptors of one device: open_device() runs once, others wait. */
TEST_F_TIMEOUT(set, second_descriptor_does_not_open_again, 60)
{
	struct vt_user u;
	int fd;

	ASSERT_EQ(0, vt_open_new(&u, -1, "vtest0", "shared"));
	fd = vt_get_device(&u);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, vt_stat(u.uuid, "open_device"));
	EXPECT_EQ(2, vt_stat(u.uuid, "open_fd"));
	close(u.device);
	u.device = -1;
	EXPECT_EQ(0, vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(1, vt_stat(u.uuid, "close_fd"));
	/* The other one still works. */
	EXPECT_EQ(0, vt_ioctl(fd, VTEST_WAKE, 0));
	close(fd);
	EXPECT_EQ(1, vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(2, vt_stat(u.uuid, "close_fd"));
	EXPECT_EQ(2, vt_stat(u.uuid, "open_count_max"));
	EXPECT_EQ(0, vt_stat(u.uuid, "bad_close"));
	vt_close_remove(&u);
}

static void *resetter(void *arg)
{
	volatile bool *stop = arg;

	while (!*stop)
		vt_write("5", "/sys/class/vtest/vtest0/set_reset");
	return NULL;
}

TEST_F_TIMEOUT(set, wide_section_excludes_openers, 120)
{
	volatile bool stop = false;
	pthread_t thread;

	ASSERT_EQ(0, create_all(self->uuids, "shared", 3));
	ASSERT_EQ(0, pthread_create(&thread, NULL, resetter, (void *)&stop));
	EXPECT_LT(0, open_all(self->uuids, 20));
	stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, vt_parent_stat("vtest0", "set_intruders"));
	EXPECT_EQ(NR_DEVICES * 20, vt_parent_stat("vtest0", "close_device"));
}

TEST_F_TIMEOUT(set, counts_opens_of_all_members, 60)
{
	struct vt_user users[NR_DEVICES];
	char text[16];
	int fd;

	for (int i = 0; i < NR_DEVICES; i++) {
		ASSERT_EQ(0, vt_open_new(&users[i], -1, "vtest0", "shared"));
	}
	fd = vt_get_device(&users[0]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vt_read(text, sizeof(text),
			     "/sys/class/vtest/vtest0/set_open_count"));
	EXPECT_EQ(NR_DEVICES + 1, atoi(text));
	close(fd);
	for (int i = 0; i < NR_DEVICES; i++) {
		vt_close(&users[i]);
	}
	ASSERT_EQ(0, vt_read(text, sizeof(text),
			     "/sys/class/vtest/vtest0/set_open_count"));
	EXPECT_EQ(0, atoi(text));
}

/* --- opens that fail undo what was done, and only that */

TEST_F_TIMEOUT(set, failing_open_device_is_not_closed, 60)
{
	struct vt_user u;
	int fd;

	vt_make_uuid(self->uuids[0]);
	ASSERT_EQ(0, vt_create("vtest0", "set", self->uuids[0]));
	ASSERT_EQ(0, vt_attach(&u, -1, self->uuids[0]));
	ASSERT_EQ(0, vt_set_knob(u.uuid, "open_error", ENOSPC));
	EXPECT_EQ(-ENOSPC, vt_get_device(&u));
	EXPECT_EQ(0, vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(0, vt_stat(u.uuid, "open_fd"));
	/* The group is not in use: the count went down again. */
	EXPECT_EQ(0, vt_set_knob(u.uuid, "open_error", 0));
	fd = vt_get_device(&u);
	EXPECT_LE(0, fd);
	EXPECT_EQ(1, vt_stat(u.uuid, "open_count_max"));
	close(fd);
	EXPECT_EQ(1, vt_stat(u.uuid, "close_device"));
	vt_close_remove(&u);
}

TEST_F_TIMEOUT(set, failing_open_fd_closes_the_device, 60)
{
	struct vt_user u;
	int fd;

	vt_make_uuid(self->uuids[0]);
	ASSERT_EQ(0, vt_create("vtest0", "shared", self->uuids[0]));
	ASSERT_EQ(0, vt_attach(&u, -1, self->uuids[0]));
	ASSERT_EQ(0, vt_set_knob(u.uuid, "open_fd_error", ENXIO));
	EXPECT_EQ(-ENXIO, vt_get_device(&u));
	EXPECT_EQ(1, vt_stat(u.uuid, "open_device"));
	EXPECT_EQ(1, vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(0, vt_stat(u.uuid, "close_fd"));
	EXPECT_EQ(0, vt_stat(u.uuid, "bad_close"));

	/* As a second descriptor it must leave the first alone. */
	EXPECT_EQ(0, vt_set_knob(u.uuid, "open_fd_error", 0));
	fd = vt_get_device(&u);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, vt_set_knob(u.uuid, "open_fd_error", ENXIO));
	EXPECT_EQ(-ENXIO, vt_get_device(&u));
	EXPECT_EQ(1, vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(0, vt_ioctl(fd, VTEST_WAKE, 0));
	close(fd);
	EXPECT_EQ(2, vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(1, vt_stat(u.uuid, "close_fd"));
	vt_close_remove(&u);
}

/* Without a free descriptor nothing has been opened, or all is closed. */
TEST_F_TIMEOUT(set, no_descriptor_closes_the_device, 60)
{
	struct rlimit few = { 256, 4096 };
	int filler[512], nr = 0;
	struct vt_user u;

	vt_make_uuid(self->uuids[0]);
	ASSERT_EQ(0, vt_create("vtest0", "own", self->uuids[0]));
	ASSERT_EQ(0, vt_attach(&u, -1, self->uuids[0]));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	while (nr < 512 && (filler[nr] = open("/dev/null", O_RDONLY)) >= 0)
		nr++;
	EXPECT_EQ(-EMFILE, vt_get_device(&u));
	while (nr--)
		close(filler[nr]);
	EXPECT_EQ(vt_stat(u.uuid, "open_device"),
		  vt_stat(u.uuid, "close_device"));
	EXPECT_EQ(vt_stat(u.uuid, "open_fd"), vt_stat(u.uuid, "close_fd"));
	EXPECT_EQ(0, vt_stat(u.uuid, "bad_close"));
	EXPECT_EQ(0, vt_ioctl(u.group, VFIO_GROUP_UNSET_CONTAINER, 0));
	vt_close_remove(&u);
}

TEST_F_TIMEOUT(set, failing_probe_and_init_give_the_instance_back, 60)
{
	const char *available = "/sys/class/mdev_bus/vtest0/"
		"mdev_supported_types/vtest-set/available_instances";
	char before[16], now[16];

	vt_make_uuid(self->uuids[0]);
	ASSERT_EQ(0, vt_read(before, sizeof(before), "%s", available));
	ASSERT_EQ(0, vt_write("5", "/sys/class/vtest/vtest0/fail_probe"));
	EXPECT_NE(0, vt_create("vtest0", "set", self->uuids[0]));
	EXPECT_FALSE(vt_exists(self->uuids[0]));
	ASSERT_EQ(0, vt_write("0", "/sys/class/vtest/vtest0/fail_probe"));
	ASSERT_EQ(0, vt_write("12", "/sys/class/vtest/vtest0/fail_init"));
	EXPECT_NE(0, vt_create("vtest0", "set", self->uuids[0]));
	ASSERT_EQ(0, vt_write("0", "/sys/class/vtest/vtest0/fail_init"));
	ASSERT_EQ(0, vt_read(now, sizeof(now), "%s", available));
	EXPECT_STREQ(before, now);
	EXPECT_EQ(0, vt_create("vtest0", "set", self->uuids[0]));
	EXPECT_EQ(0, vt_remove(self->uuids[0]));
}

/* --- joining */

static void race_joiners(struct __test_metadata *_metadata, const char *what)
{
	char text[128];

	ASSERT_EQ(0, vt_write(what, "/sys/class/vtest/vtest0/join_race"));
	ASSERT_EQ(0, vt_read(text, sizeof(text),
			     "/sys/class/vtest/vtest0/join_race"));
	printf("# %s", text);
	EXPECT_LT(0, vt_find_number(text, "rounds"));
	EXPECT_EQ(0, vt_find_number(text, "errors"));
	EXPECT_EQ(0, vt_find_number(text, "mismatches"));
}

TEST_F_TIMEOUT(set, racing_joiners_get_one_set, 120)
{
	race_joiners(_metadata, "5000 2 0");
	race_joiners(_metadata, "5000 2 1");
	race_joiners(_metadata, "500 4 0");
}

TEST_HARNESS_MAIN
