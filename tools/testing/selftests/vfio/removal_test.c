// SPDX-License-Identifier: GPL-2.0-only
/*
 * Removing a device is bounded, whatever user space does with it
 *
 * A child process gets itself into a situation (lib/vtest_sit.c) and says so;
 * the test removes the device and takes the time, which must not exceed the
 * grace by more than a second; then the child checks from inside what has
 * become of its descriptors and mappings.
 *
 * Every situation is tried alone, with several graces, and all together under
 * one parent that is unregistered, in one grace altogether.
 *
 * On the debug kernel the second is multiplied (vt_slack()): with KASAN and
 * lockdep under emulation everything but the grace takes longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <linux/vfio.h>

#include "lib/vfio_harness.h"
#include "lib/vtest_sit.h"

#define PAGE		4096
/* Beyond the grace. */
#define BOUND_MS	(1000 * vt_slack())

/* What every test begins and ends with. */

static void world_begin(struct __test_metadata *_metadata)
{
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, vt_reset_world());
}

static void world_end(struct __test_metadata *_metadata)
{
	char what[256];

	for (int i = 0; i < 2; i++) {
		const char *parent = i ? "vtest1" : "vtest0";

		EXPECT_EQ(0, vt_parent_violations(parent, what, sizeof(what)))
			TH_LOG("%s: %s", parent, what);
		EXPECT_EQ(0, vt_parent_stat(parent, "pinned_pages"));
	}
	vt_clean_world();
}

/* --- one device, one situation */

FIXTURE(alone) {
};

FIXTURE_VARIANT(alone) {
	unsigned int grace_ms;
	bool by_attribute;
	unsigned int one_in;
};

FIXTURE_VARIANT_ADD(alone, grace_0) {
	.grace_ms = 0,
};

FIXTURE_VARIANT_ADD(alone, grace_1s) {
	.grace_ms = 1000,
	.by_attribute = true,
};

/* A sample of three or four situations; all of them in make check-long. */
FIXTURE_VARIANT_ADD(alone, grace_10s) {
	.grace_ms = 10000,
	.by_attribute = true,
	.one_in = 6,
};

FIXTURE_SETUP(alone)
{
	world_begin(_metadata);
}

FIXTURE_TEARDOWN(alone)
{
	world_end(_metadata);
}

static void removed_alone(struct __test_metadata *_metadata,
			  const struct vt_situation *what,
			  unsigned int grace_ms, bool by_attribute)
{
	struct vt_child c;
	long long ms;
	int ret;

	if (!by_attribute)
		ASSERT_EQ(0, vt_set_grace(grace_ms));
	ASSERT_EQ(0, vt_child_start(&c, what, "vtest0"));
	ret = vt_child_wait_ready(&c);
	if (!ret && by_attribute)
		ret = vt_set_device_grace(c.uuid, grace_ms);
	EXPECT_EQ(0, ret)
		TH_LOG("%s: not ready", what->name);
	ms = vt_now_ms();
	EXPECT_EQ(0, vt_remove(c.uuid));
	ms = vt_now_ms() - ms;
	printf("# %s: grace %u ms, removed in %lld ms\n", what->name,
	       grace_ms, ms);
	EXPECT_LE(ms, (long long)(grace_ms + BOUND_MS));
	EXPECT_FALSE(vt_exists(c.uuid));

	/* The UUID is free although the old descriptors are open. */
	EXPECT_EQ(0, vt_create("vtest1", what->type, c.uuid));
	EXPECT_EQ(0, vt_child_finish(&c))
		TH_LOG("%s: the child", what->name);
	EXPECT_EQ(0, vt_remove(c.uuid));
}

/* Which situations the seed chooses, if not all of them are wanted. */
static bool is_chosen(size_t i, unsigned int one_in)
{
	const char *seed = getenv("VFIO_TEST_SEED");

	if (!one_in || vt_seconds(0))
		return true;
	return (i + (seed ? strtoul(seed, NULL, 0) : 0)) % one_in == 0;
}

TEST_F_TIMEOUT(alone, every_situation, 900)
{
	for (size_t i = 0; i < VT_NR_SITUATIONS; i++) {
		if (is_chosen(i, variant->one_in))
			removed_alone(_metadata, &vt_situations[i],
				      variant->grace_ms,
				      variant->by_attribute);
	}
}

/* --- many devices of one parent */

FIXTURE(together) {
	struct vt_child children[VT_NR_SITUATIONS];
};

FIXTURE_VARIANT(together) {
	unsigned int grace_ms;
	bool rmmod;
};

FIXTURE_VARIANT_ADD(together, grace_0) {
	.grace_ms = 0,
};

FIXTURE_VARIANT_ADD(together, grace_10s) {
	.grace_ms = 10000,
};

FIXTURE_SETUP(together)
{
	world_begin(_metadata);
}

FIXTURE_TEARDOWN(together)
{
	world_end(_metadata);
}

/* More than 16 devices, one for each situation, go with their parent. */
TEST_F_TIMEOUT(together, parent_unregistered, 120)
{
	struct vt_child *c = self->children;
	long long ms;

	ASSERT_EQ(0, vt_set_grace(variant->grace_ms));
	for (size_t i = 0; i < VT_NR_SITUATIONS; i++) {
		ASSERT_EQ(0, vt_child_start(&c[i], &vt_situations[i], "vtest0"));
	}
	for (size_t i = 0; i < VT_NR_SITUATIONS; i++) {
		EXPECT_EQ(0, vt_child_wait_ready(&c[i]))
			TH_LOG("%s: not ready", vt_situations[i].name);
	}
	ms = vt_now_ms();
	EXPECT_EQ(0, vt_set_registered("vtest0", false));
	ms = vt_now_ms() - ms;
	printf("# parent with %d devices: grace %u ms, removed in %lld ms\n",
	       VT_NR_SITUATIONS, variant->grace_ms, ms);
	EXPECT_LE(ms, (long long)(variant->grace_ms + BOUND_MS));
	for (size_t i = 0; i < VT_NR_SITUATIONS; i++) {
		EXPECT_FALSE(vt_exists(c[i].uuid));
		EXPECT_EQ(0, vt_child_finish(&c[i]))
			TH_LOG("%s: the child", c[i].what->name);
	}
	EXPECT_EQ(0, vt_set_registered("vtest0", true));
}

/* --- the module goes while revoked descriptors exist */

FIXTURE(module) {
	struct vt_child children[4];
};

FIXTURE_SETUP(module)
{
	world_begin(_metadata);
}

FIXTURE_TEARDOWN(module)
{
	/* Loaded again: world_end() wants to ask it. */
	EXPECT_EQ(0, vt_load("vtest"));
	world_end(_metadata);
}

TEST_F_TIMEOUT(module, unloads_with_revoked_files_open, 60)
{
	static const int which[] = { 0, 2, 4, 5 };
	struct vt_child *c = self->children;

	ASSERT_EQ(0, vt_set_grace(0));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, vt_child_start(&c[i], &vt_situations[which[i]],
					 "vtest0"));
		EXPECT_EQ(0, vt_child_wait_ready(&c[i]));
	}
	/* In use: at once, and with nothing done. */
	EXPECT_EQ(-EAGAIN, vt_unload("vtest"));
	EXPECT_TRUE(vt_exists(c[0].uuid));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, vt_remove(c[i].uuid));
	}
	EXPECT_EQ(0, vt_unload("vtest"));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, vt_child_finish(&c[i]))
			TH_LOG("%s", c[i].what->name);
	}
}

/* --- how a removal is announced and cut short */

FIXTURE(grace) {
	struct vt_user u;
};

FIXTURE_SETUP(grace)
{
	world_begin(_metadata);
	ASSERT_EQ(0, vt_open_new(&self->u, -1, "vtest0", "own"));
}

FIXTURE_TEARDOWN(grace)
{
	vt_close(&self->u);
	world_end(_metadata);
}

/* The child must not keep the descriptors that it inherits. */
static pid_t fork_remover(struct vt_user *u)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	vt_close(u);
	_exit(vt_remove(u->uuid) ? 1 : 0);
}

TEST_F_TIMEOUT(grace, ends_when_the_user_closes, 60)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct pollfd pfd = { .fd = efd, .events = POLLIN };
	long long ms = vt_now_ms();
	int status;
	pid_t pid;

	ASSERT_EQ(0, vt_set_req(self->u.device, efd));
	pid = fork_remover(&self->u);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, poll(&pfd, 1, 2000 * vt_slack()));
	/* Announced: no new opens. */
	EXPECT_EQ(-ENODEV, vt_get_device(&self->u));
	/* But what is open works until it is revoked. */
	EXPECT_EQ(0, vt_ioctl(self->u.device, VTEST_WAKE, 0));
	vt_close(&self->u);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ms = vt_now_ms() - ms;
	printf("# closed on request: removed in %lld ms\n", ms);
	EXPECT_LE(ms, 3000LL * vt_slack());
	close(efd);
}

TEST_F_TIMEOUT(grace, ends_when_the_remover_is_killed, 60)
{
	long long ms;
	int status;
	pid_t pid;

	pid = fork_remover(&self->u);
	ASSERT_LT(0, pid);
	vt_sleep_ms(500 * vt_slack());
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	ms = vt_now_ms();
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ms = vt_now_ms() - ms;
	printf("# remover killed: removed in %lld ms\n", ms);
	EXPECT_LE(ms, (long long)BOUND_MS);
	/* Interrupted, yet complete. */
	EXPECT_FALSE(vt_exists(self->u.uuid));
	EXPECT_EQ(-ENODEV, vt_ioctl(self->u.device, VTEST_WAKE, 0));
}

TEST_F_TIMEOUT(grace, is_ten_seconds_by_default, 60)
{
	EXPECT_EQ(10000, vt_grace());
}

/* The number of a group is free when its device is gone. */
TEST_F_TIMEOUT(grace, group_is_dead_afterwards, 60)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[32];

	ASSERT_EQ(0, vt_set_device_grace(self->u.uuid, 0));
	ASSERT_EQ(0, vt_remove(self->u.uuid));
	snprintf(path, sizeof(path), "/dev/vfio/%d", self->u.group_nr);
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(-ENODEV, vt_get_device(&self->u));
	EXPECT_EQ(-ENODEV, vt_ioctl(self->u.group, VFIO_GROUP_GET_STATUS,
				    (unsigned long)&status));
	EXPECT_EQ(0, vt_ioctl(self->u.group, VFIO_GROUP_UNSET_CONTAINER, 0));
	/* The container, without a group, is as new. */
	EXPECT_EQ(-EINVAL, vt_ioctl(self->u.container, VFIO_SET_IOMMU,
				    VFIO_TYPE1v2_IOMMU));
}

/* A mapping cannot be handed to another file, and nothing is left of it. */
TEST_F_TIMEOUT(grace, mapping_cannot_be_stolen, 60)
{
	void *p;

	p = mmap(NULL, VTEST_RAM_BYTES, PROT_READ, MAP_SHARED, self->u.device,
		 VTEST_OFFSET(VTEST_REGION_FILE));
	EXPECT_EQ(MAP_FAILED, p);
	EXPECT_EQ(EINVAL, errno);
}

/* fork() copies mappings; both copies are revoked. */
TEST_F_TIMEOUT(grace, forked_mappings_are_revoked, 60)
{
	volatile unsigned char *p;
	int go[2], status;
	char byte;
	pid_t pid;

	p = mmap(NULL, VTEST_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		 self->u.device, VTEST_OFFSET(VTEST_REGION_PAGE));
	ASSERT_NE(MAP_FAILED, (void *)p);
	p[0] = 42;
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (p[0] != 42 || read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(p[0] == 0xff && p[PAGE] == 0xff ? 0 : 2);
	}
	vt_sleep_ms(50 * vt_slack());
	ASSERT_EQ(0, vt_set_device_grace(self->u.uuid, 0));
	EXPECT_EQ(0, vt_remove(self->u.uuid));
	EXPECT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0xff, p[0]);
	munmap((void *)p, VTEST_RAM_BYTES);
	close(go[0]);
	close(go[1]);
}

TEST_HARNESS_MAIN
