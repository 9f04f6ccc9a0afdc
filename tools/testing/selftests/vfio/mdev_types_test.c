// SPDX-License-Identifier: GPL-2.0-only
/*
 * Types that a parent offers and ceases to offer while it is in use
 *
 * The promise of <linux/mdev.h>: an added type is like one that was there from
 * the start; removing it announces to all its users, removes its devices and
 * no others, and afterwards nothing of it is left, so that the driver may free
 * it, as vtest does at once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "lib/vfio_harness.h"
#include "lib/vtest_lib.h"

#define PARENT		"vtest0"
#define TYPES		"/sys/class/mdev_bus/" PARENT "/mdev_supported_types/"
#define NR_CREATORS	3
#define NR_ROUNDS	40
#define NR_MANY		40

FIXTURE(types) {
	long long before;
};

static long long available(const char *type)
{
	char text[32];
	int ret;

	ret = vt_read(text, sizeof(text), TYPES "vtest-%s/available_instances",
		      type);
	return ret ? ret : atoll(text);
}

static int add(const char *name, const char *kind)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %s", name, kind);
	return vt_write(text, "/sys/class/vtest/" PARENT "/add_type");
}

static int del(const char *name)
{
	return vt_write(name, "/sys/class/vtest/" PARENT "/remove_type");
}

static bool offers(const char *name)
{
	char path[VT_PATH_LEN];

	snprintf(path, sizeof(path), TYPES "vtest-%s", name);
	return !access(path, F_OK);
}

static int count_entries(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	int nr = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	closedir(dir);
	return nr;
}

/* Registered anew, the parent offers what it is born with. */
FIXTURE_SETUP(types)
{
	ASSERT_EQ(0, vt_reset_world());
	ASSERT_EQ(0, vt_set_registered(PARENT, false));
	ASSERT_EQ(0, vt_set_registered(PARENT, true));
	self->before = available("own");
	ASSERT_LT(0, self->before);
}

FIXTURE_TEARDOWN(types)
{
	char what[256];

	vt_clean_world();
	EXPECT_EQ(self->before, available("own"));
	EXPECT_EQ(0, vt_set_registered(PARENT, false));
	EXPECT_EQ(0, vt_set_registered(PARENT, true));
	EXPECT_EQ(5, count_entries(TYPES));
	EXPECT_EQ(0, vt_parent_violations(PARENT, what, sizeof(what)))
		TH_LOG("%s", what);
}

TEST_F(types, added_is_like_any_other)
{
	static const char * const attrs[] = {
		"available_instances", "create", "device_api", "devices",
		"name",
	};
	char uuid[VT_UUID_LEN], text[64], path[VT_PATH_LEN];

	ASSERT_EQ(0, add("blue", "set"));
	EXPECT_EQ(VFIO_ARRAY_SIZE(attrs), count_entries(TYPES "vtest-blue"));
	for (size_t i = 0; i < VFIO_ARRAY_SIZE(attrs); i++) {
		snprintf(path, sizeof(path), TYPES "vtest-blue/%s", attrs[i]);
		EXPECT_EQ(0, access(path, F_OK)) TH_LOG("%s", attrs[i]);
	}
	EXPECT_EQ(0, vt_read(text, sizeof(text), TYPES "vtest-blue/name"));
	EXPECT_STREQ("blue\n", text);
	EXPECT_EQ(0, vt_read(text, sizeof(text), TYPES
			     "vtest-blue/device_api"));
	EXPECT_STREQ("vfio-pci\n", text);
	EXPECT_EQ(self->before, available("blue"));

	vt_make_uuid(uuid);
	ASSERT_EQ(0, vt_create(PARENT, "blue", uuid));
	EXPECT_EQ(-EEXIST, vt_create(PARENT, "own", uuid));
	EXPECT_EQ(self->before - 1, available("blue"));
	EXPECT_EQ(self->before - 1, available("own"));
	snprintf(path, sizeof(path), TYPES "vtest-blue/devices/%s/mdev_type/"
		 "devices/%s", uuid, uuid);
	EXPECT_EQ(0, access(path, F_OK));
	EXPECT_EQ(0, vt_remove(uuid));
	EXPECT_EQ(0, count_entries(TYPES "vtest-blue/devices"));
	EXPECT_EQ(0, del("blue"));
	EXPECT_FALSE(offers("blue"));
}

TEST_F(types, a_name_is_used_once)
{
	char uuid[VT_UUID_LEN];

	ASSERT_EQ(0, add("blue", "own"));
	vt_make_uuid(uuid);
	ASSERT_EQ(0, vt_create(PARENT, "blue", uuid));
	EXPECT_EQ(-EEXIST, add("blue", "own"));
	EXPECT_EQ(-EEXIST, add("blue", "set"));
	EXPECT_EQ(-EEXIST, add("own", "own"));
	EXPECT_EQ(-ENOENT, del("own"));
	/* The one that was there first has not changed. */
	EXPECT_EQ(1, count_entries(TYPES "vtest-blue/devices"));
	EXPECT_EQ(0, vt_remove(uuid));
	EXPECT_EQ(0, vt_create(PARENT, "blue", uuid));
	EXPECT_EQ(0, vt_create(PARENT, "own", "00000000-0000-4000-8000-"
			       "000000000001"));
	EXPECT_EQ(0, del("blue"));
	EXPECT_EQ(-ENOENT, del("blue"));
	EXPECT_EQ(0, add("blue", "set"));
	EXPECT_EQ(0, del("blue"));
}

TEST_F(types, of_no_parent)
{
	EXPECT_EQ(-EINVAL, add("blue", "purple"));
	ASSERT_EQ(0, add("blue", "own"));
	ASSERT_EQ(0, vt_set_registered(PARENT, false));
	EXPECT_EQ(-ENODEV, add("red", "own"));
	EXPECT_EQ(-ENOENT, del("blue"));
	ASSERT_EQ(0, vt_set_registered(PARENT, true));
	EXPECT_FALSE(offers("blue"));
	EXPECT_EQ(0, add("blue", "own"));
}

TEST_F(types, removal_takes_its_devices)
{
	char mine[2][VT_UUID_LEN], other[VT_UUID_LEN], late[VT_UUID_LEN];
	int create;

	ASSERT_EQ(0, add("blue", "shared"));
	ASSERT_EQ(0, add("red", "shared"));
	for (int i = 0; i < 2; i++) {
		vt_make_uuid(mine[i]);
		ASSERT_EQ(0, vt_create(PARENT, "blue", mine[i]));
	}
	vt_make_uuid(other);
	ASSERT_EQ(0, vt_create(PARENT, "red", other));
	create = open(TYPES "vtest-blue/create", O_WRONLY);
	ASSERT_LE(0, create);

	ASSERT_EQ(0, del("blue"));
	EXPECT_FALSE(offers("blue"));
	EXPECT_FALSE(vt_exists(mine[0]) || vt_exists(mine[1]));
	EXPECT_TRUE(vt_exists(other));
	EXPECT_EQ(self->before - 1, available("red"));
	vt_make_uuid(late);
	EXPECT_ERRNO(ENODEV, write(create, late, VT_UUID_LEN - 1));
	/* Another one by that name is another one. */
	ASSERT_EQ(0, add("blue", "own"));
	EXPECT_ERRNO(ENODEV, write(create, late, VT_UUID_LEN - 1));
	EXPECT_EQ(0, vt_create(PARENT, "blue", mine[0]));
	EXPECT_FALSE(vt_exists(late));
	close(create);
}

/* Three users who ignore what they are told cost one grace. */
TEST_F_TIMEOUT(types, removal_shares_one_grace, 100)
{
	struct pollfd told = { .fd = eventfd(0, 0), .events = POLLIN };
	struct vt_user users[3], other;
	long long start, took;

	ASSERT_EQ(0, vt_set_grace(1000 * vt_slack()));
	ASSERT_EQ(0, add("blue", "own"));
	ASSERT_EQ(0, vt_open_new(&other, -1, PARENT, "own"));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, vt_open_new(&users[i], -1, PARENT, "blue"));
	ASSERT_EQ(0, vt_set_req(users[2].device, told.fd));

	start = vt_now_ms();
	ASSERT_EQ(0, del("blue"));
	took = vt_now_ms() - start;
	EXPECT_LE(900 * vt_slack(), took);
	EXPECT_GT(2000 * vt_slack(), took);
	EXPECT_EQ(1, poll(&told, 1, 0));
	for (int i = 0; i < 3; i++) {
		EXPECT_FALSE(vt_exists(users[i].uuid));
		EXPECT_EQ(-ENODEV, vt_ioctl(users[i].device,
					    VFIO_DEVICE_RESET, 0));
		vt_close(&users[i]);
	}
	EXPECT_EQ(0, vt_ioctl(other.device, VFIO_DEVICE_RESET, 0));
	vt_close_remove(&other);
	close(told.fd);
}

/* A creation that has begun ends first, and its device goes, too. */
struct slow {
	char uuid[VT_UUID_LEN];
	int ret;
};

static void *create_slowly(void *arg)
{
	struct slow *slow = arg;

	slow->ret = vt_create(PARENT, "blue", slow->uuid);
	return NULL;
}

TEST_F(types, removal_waits_for_a_creation)
{
	struct slow slow;
	pthread_t thread;

	ASSERT_EQ(0, add("blue", "own"));
	vt_make_uuid(slow.uuid);
	ASSERT_EQ(0, vt_write("1000", "/sys/class/vtest/" PARENT
			      "/probe_delay_ms"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, create_slowly, &slow));
	EXPECT_TRUE(VFIO_WAIT(vt_exists(slow.uuid), 10000));
	EXPECT_EQ(0, del("blue"));
	EXPECT_FALSE(vt_exists(slow.uuid));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, slow.ret);
	EXPECT_EQ(0, vt_write("0", "/sys/class/vtest/" PARENT
			      "/probe_delay_ms"));
}

/* Many at a time; they are removed in another order than they were added. */
TEST_F_TIMEOUT(types, many, 100)
{
	char name[16], uuid[VT_UUID_LEN];
	int i;

	for (i = 0; i < NR_MANY; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		ASSERT_EQ(0, add(name, "own"));
		if (i % 4)
			continue;
		vt_make_uuid(uuid);
		ASSERT_EQ(0, vt_create(PARENT, name, uuid));
	}
	EXPECT_EQ(5 + NR_MANY, count_entries(TYPES));
	EXPECT_EQ(self->before - NR_MANY / 4, available("own"));
	for (i = 0; i < NR_MANY; i++) {
		snprintf(name, sizeof(name), "t%d", (i * 7 + 3) % NR_MANY);
		EXPECT_EQ(0, del(name));
		EXPECT_FALSE(offers(name));
	}
	EXPECT_EQ(5, count_entries(TYPES));
}

TEST_F_TIMEOUT(types, again_and_again, 100)
{
	char uuid[VT_UUID_LEN];

	vt_make_uuid(uuid);
	for (int i = 0; i < NR_ROUNDS; i++) {
		ASSERT_EQ(0, add("blue", i & 1 ? "foreign" : "bare"));
		ASSERT_EQ(0, vt_create(PARENT, "blue", uuid));
		ASSERT_EQ(0, del("blue"));
		ASSERT_FALSE(vt_exists(uuid));
	}
}

/* --- as soon as there is something to write to, devices can be made */

struct early {
	const char *type;
	char uuid[VT_UUID_LEN];
	atomic_bool runs;
	int ret;
};

static void *create_early(void *arg)
{
	struct early *early = arg;

	do {
		early->ret = vt_create(PARENT, early->type, early->uuid);
		early->runs = true;
	} while (early->ret == -ENOENT);
	return NULL;
}

static pthread_t start_early(struct early *early, const char *type)
{
	pthread_t thread;

	early->type = type;
	early->runs = false;
	vt_make_uuid(early->uuid);
	VFIO_CHECK(!pthread_create(&thread, NULL, create_early, early));
	while (!early->runs)
		sched_yield();
	return thread;
}

TEST_F_TIMEOUT(types, of_a_type_that_appears, 100)
{
	struct early early;
	pthread_t thread;

	for (int i = 0; i < NR_ROUNDS; i++) {
		thread = start_early(&early, "blue");
		ASSERT_EQ(0, add("blue", "own"));
		pthread_join(thread, NULL);
		ASSERT_EQ(0, early.ret) TH_LOG("round %d", i);
		ASSERT_EQ(0, del("blue"));
	}
}

TEST_F_TIMEOUT(types, of_a_parent_that_appears, 100)
{
	struct early early;
	pthread_t thread;

	for (int i = 0; i < NR_ROUNDS; i++) {
		ASSERT_EQ(0, vt_set_registered(PARENT, false));
		thread = start_early(&early, i & 1 ? "own" : "shared");
		ASSERT_EQ(0, vt_set_registered(PARENT, true));
		pthread_join(thread, NULL);
		ASSERT_EQ(0, early.ret) TH_LOG("round %d", i);
		ASSERT_EQ(0, vt_remove(early.uuid));
	}
}

/* --- against creators and removers */

struct storm {
	atomic_bool end;
	atomic_int created;
	atomic_int bad;
};

static void *create_always(void *arg)
{
	struct storm *storm = arg;
	char uuid[VT_UUID_LEN];
	int ret;

	while (!storm->end) {
		vt_make_uuid(uuid);
		ret = vt_create(PARENT, "blue", uuid);
		if (!ret)
			storm->created++;
		else if (ret != -ENODEV && ret != -ENOENT && ret != -EUSERS)
			storm->bad = ret;
		if (ret || uuid[0] & 1)
			continue;
		ret = vt_remove(uuid);
		if (ret && ret != -ENODEV && ret != -ENOENT)
			storm->bad = ret;
	}
	return NULL;
}

TEST_F_TIMEOUT(types, storm, 200)
{
	long long end = vt_now_ms() + 1000 * vt_seconds(10);
	pthread_t threads[NR_CREATORS];
	struct storm storm = {};
	int i, rounds = 0;

	for (i = 0; i < NR_CREATORS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, create_always,
					    &storm));
	do {
		ASSERT_EQ(0, add("blue", "set"));
		vt_sleep_ms(rounds % 8 * 10);
		ASSERT_EQ(0, del("blue"));
		ASSERT_EQ(self->before, available("own"));
		rounds++;
	} while (vt_now_ms() < end);
	storm.end = true;
	for (i = 0; i < NR_CREATORS; i++)
		pthread_join(threads[i], NULL);
	printf("# %d rounds, %d devices\n", rounds, storm.created);
	EXPECT_EQ(0, storm.bad) TH_LOG("%s", strerror(-storm.bad));
	EXPECT_LT(0, storm.created);
}

TEST_HARNESS_MAIN
