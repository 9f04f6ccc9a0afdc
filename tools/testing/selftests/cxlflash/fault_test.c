// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation on the way of an adapter's configuration fails once
 *
 * As in the VFIO suite's fault_injection_test: a *step* is one call that
 * succeeds when nothing fails; the n-th allocation of the calling thread fails,
 * n = 1, 2, 3... until the step gets by.  A step that fails must say -ENOMEM
 * (-EFAULT where it copies), leave nothing behind, and succeed when it is
 * repeated; one that succeeds in spite of the fault must have done its work.
 * Steps that go deep into the kernel count only what is allocated below our
 * modules.  What is left behind unseen is found by the rig's leak check.
 *
 * fault_cmd_test has contexts and commands, and what workers do.
 *
 * Needs a kernel with fault injection, which the stock one has not.
 */
#include "cx_lib.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cx_fault.h"
#include "fault.h"
#include "kselftest_harness.h"

#define ROOT	"/sys/kernel/config/cxlflash/"
#define LUN	ROOT "luns/t/"
#define ADAPTER	ROOT "adapters/t/"
#define SLOT	ADAPTER "port0/0"
#define BACKING	"/tmp/cxlflash-fault"
#define KO	"/lib/modules/"

/**
 * struct world - what the steps work on
 * @path: a directory, or an attribute
 * @fd: the attribute, open: opening it is no part of a step
 * @on: what the step writes
 * @off: what undoes it, or NULL
 * @state: an attribute, with @is_on and @is_off as its content; or NULL
 * @is_on: what it says after a success
 * @is_off: after a failure
 * @slow: see struct cx_step
 */
struct world {
	const char *path;
	int fd;
	const char *on;
	const char *off;
	const char *state;
	const char *is_on;
	const char *is_off;
	bool slow;
};

FIXTURE(fault) {
	int fail_nth;
};

FIXTURE_SETUP(fault)
{
	self->fail_nth = -1;
	if (!fault_can_inject())
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, cx_world("ram", "512M", 4096));
	self->fail_nth = fault_open();
	ASSERT_LE(0, self->fail_nth);
}

FIXTURE_TEARDOWN(fault)
{
	if (self->fail_nth < 0)
		return;
	fault_below_all();
	close(self->fail_nth);
	cx_world_end();
}

/* --- an attribute */

static bool state_is(const char *path, const char *want)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0) {
		close(fd);
		return false;
	}
	close(fd);
	text[strcspn(text, "\n")] = 0;
	return !strcmp(text, want);
}

static int call_attr(void *arg)
{
	struct world *w = arg;

	return pwrite(w->fd, w->on, strlen(w->on), 0) < 0 ? -errno : 0;
}

static void undo_attr(void *arg)
{
	struct world *w = arg;

	if (w->off && pwrite(w->fd, w->off, strlen(w->off), 0) < 0)
		printf("# %s: cannot write %s: %m\n", w->path, w->off);
}

static bool attr_works(void *arg)
{
	struct world *w = arg;

	return !w->state || state_is(w->state, w->is_on);
}

static bool attr_is_clean(void *arg)
{
	struct world *w = arg;

	return !w->state || !w->is_off || state_is(w->state, w->is_off);
}

/* Write @w->on to an attribute, counting all, or what is below our module. */
static int sweep_attr(int fail_nth, struct world *w, bool ours)
{
	struct cx_step step = {
		w->path, call_attr, undo_attr, attr_works, attr_is_clean,
		.slow = w->slow,
	};
	int ret;

	w->fd = open(w->path, O_RDWR);
	if (w->fd < 0)
		w->fd = open(w->path, O_WRONLY);
	if (w->fd < 0)
		return -1;
	if (ours && fault_below_module("cxlflash_afu"))
		return -1;
	ret = cx_sweep(fail_nth, &step, w);
	fault_below_all();
	close(w->fd);
	return ret;
}

static int sweep_value(int fail_nth, const char *path, const char *on,
		       const char *is_on)
{
	struct world w = {
		.path = path, .on = on, .state = path, .is_on = is_on,
	};

	return sweep_attr(fail_nth, &w, false);
}

TEST_F_TIMEOUT(fault, attributes_of_luns, 290)
{
	static const char * const values[][3] = {
		{ LUN "store", "file", "file" },
		{ LUN "path", "/a/path", "/a/path" },
		{ LUN "size", "1M", "1048576" },
		{ LUN "block_size", "512", "512" },
		{ LUN "write_cache", "y", "1" },
		{ LUN "read_only", "y", "1" },
		{ LUN "secret", "n", "0" },
		{ LUN "wwid", "6f1a5000123456789abcdef001234567",
		  "6f1a5000123456789abcdef001234567" },
	};

	ASSERT_EQ(0, cx_set("0", "luns/t/enable"));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		EXPECT_EQ(0, sweep_value(self->fail_nth, values[i][0],
					 values[i][1], values[i][2]));
}

TEST_F_TIMEOUT(fault, attributes_of_adapters, 290)
{
	static const char * const values[][3] = {
		{ ADAPTER "ports", "3", "3" },
		{ ADAPTER "contexts", "7", "7" },
		{ ADAPTER "engine_cpus", "0", "0" },
		{ ADAPTER "host", "1", "1" },
		{ ADAPTER "grace_ms", "5", "5" },
		{ ADAPTER "faults/media_lba", "5", "5" },
		{ ADAPTER "faults/lose_nth", "5", "5" },
	};

	ASSERT_EQ(0, cx_adapter_live("t", false));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		EXPECT_EQ(0, sweep_value(self->fail_nth, values[i][0],
					 values[i][1], values[i][2]));
}

/* Reading, too. */
static int call_read(void *arg)
{
	struct world *w = arg;
	char text[4096];
	int fd = open(w->path, O_RDONLY), ret;

	if (fd < 0)
		return -errno;
	ret = read(fd, text, sizeof(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int sweep_reads(int fail_nth, const char *dir)
{
	struct cx_step step = { .call = call_read };
	struct dirent *entry;
	char path[512];
	struct world w;
	struct stat st;
	int ret = 0;
	DIR *d = opendir(dir);

	if (!d)
		return -1;
	while ((entry = readdir(d))) {
		snprintf(path, sizeof(path), "%s%s", dir, entry->d_name);
		if (stat(path, &st) || !S_ISREG(st.st_mode) ||
		    !(st.st_mode & 0400))
			continue;
		w.path = path;
		step.name = path;
		ret |= cx_sweep(fail_nth, &step, &w);
	}
	closedir(d);
	return ret;
}

TEST_F_TIMEOUT(fault, reading, 290)
{
	EXPECT_EQ(0, sweep_reads(self->fail_nth, LUN));
	EXPECT_EQ(0, sweep_reads(self->fail_nth, ADAPTER));
	EXPECT_EQ(0, sweep_reads(self->fail_nth, ADAPTER "faults/"));
	EXPECT_EQ(0, sweep_reads(self->fail_nth,
				 "/sys/bus/cxlflash/devices/t/"));
	EXPECT_EQ(0, sweep_reads(self->fail_nth,
				 "/sys/kernel/debug/cxlflash/t/"));
}

/* --- directories */

static int call_mkdir(void *arg)
{
	return mkdir(((struct world *)arg)->path, 0755) ? -errno : 0;
}

static void undo_mkdir(void *arg)
{
	rmdir(((struct world *)arg)->path);
}

static bool is_no_dir(void *arg)
{
	return access(((struct world *)arg)->path, F_OK) && errno == ENOENT;
}

static bool is_dir(void *arg)
{
	return !access(((struct world *)arg)->path, F_OK);
}

static int call_rmdir(void *arg)
{
	return rmdir(((struct world *)arg)->path) ? -errno : 0;
}

static void undo_rmdir(void *arg)
{
	call_mkdir(arg);
}

static int sweep_dir(int fail_nth, const char *path)
{
	struct cx_step make = {
		"mkdir", call_mkdir, undo_mkdir, is_dir, is_no_dir,
	};
	struct cx_step remove = {
		"rmdir", call_rmdir, undo_rmdir, is_no_dir, is_dir,
	};
	struct world w = { .path = path };
	int ret;

	printf("# %s\n", path);
	ret = cx_sweep(fail_nth, &make, &w);
	mkdir(path, 0755);
	ret |= cx_sweep(fail_nth, &remove, &w);
	rmdir(path);
	return ret;
}

TEST_F_TIMEOUT(fault, directories, 290)
{
	EXPECT_EQ(0, sweep_dir(self->fail_nth, ROOT "luns/other"));
	EXPECT_EQ(0, sweep_dir(self->fail_nth, ROOT "adapters/other"));
	EXPECT_EQ(0, sweep_dir(self->fail_nth, ADAPTER "port0/7"));
}

/* --- LUNs: stores, the slice table */

static int sweep_enable(int fail_nth, const char *store, bool on)
{
	struct world w = {
		.path = LUN "enable", .on = on ? "1" : "0",
		.off = on ? "0" : "1", .state = LUN "state",
		.is_on = on ? "enabled" : "disabled",
		.is_off = on ? "disabled" : "enabled",
	};
	const char *path = cx_backing_path(store);

	printf("# store %s\n", store);
	cx_set("0", "luns/t/enable");
	if (cx_set(store, "luns/t/store") ||
	    cx_set(path ?: "\n", "luns/t/path") ||
	    cx_set("64M", "luns/t/size"))
		return -1;
	if (!on && cx_set("1", "luns/t/enable"))
		return -1;
	return sweep_attr(fail_nth, &w, false);
}

TEST_F_TIMEOUT(fault, stores, 890)
{
	static const char * const stores[] = {
		"ram", "null", "record", "file", "block",
	};

	ASSERT_EQ(0, cx_adapter_live("t", false));
	ASSERT_EQ(0, cx_backing(BACKING));
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		EXPECT_EQ(0, sweep_enable(self->fail_nth, stores[i], true));
		EXPECT_EQ(0, sweep_enable(self->fail_nth, stores[i], false));
	}
	cx_set("0", "luns/t/enable");
	cx_backing_end(BACKING);
}

/* With an adapter that shows it. */
TEST_F_TIMEOUT(fault, enabling_what_is_linked, 290)
{
	struct world w = {
		.path = LUN "enable", .on = "1", .off = "0",
		.state = LUN "state", .is_on = "enabled", .is_off = "disabled",
	};

	ASSERT_EQ(0, cx_set("0", "luns/t/enable"));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &w, true));
}

TEST_F_TIMEOUT(fault, changes_of_a_lun, 290)
{
	struct world size = {
		.path = LUN "size", .on = "1G", .off = "512M",
		.state = LUN "capacity", .is_on = "1073741824",
		.is_off = "536870912",
	};
	struct world read_only = {
		.path = LUN "read_only", .on = "1", .off = "0",
		.state = LUN "read_only", .is_on = "1", .is_off = "0",
	};

	EXPECT_EQ(0, sweep_attr(self->fail_nth, &size, false));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &read_only, false));
}

TEST_F_TIMEOUT(fault, slice_table, 290)
{
	struct world format = {
		.path = LUN "format", .on = "force", .state = LUN "format",
		.is_on = "1",
	};
	struct world activate = {
		.path = LUN "active", .on = "1", .off = "0",
		.state = LUN "active", .is_on = "1", .is_off = "0",
	};
	struct world take_over = {
		.path = LUN "active", .on = "force", .off = "0",
		.state = LUN "active", .is_on = "1", .is_off = "0",
	};
	struct world deactivate = {
		.path = LUN "active", .on = "0", .off = "1",
		.state = LUN "active", .is_on = "0", .is_off = "1",
	};

	ASSERT_EQ(0, cx_set("1G", "luns/t/size"));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &format, false));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &activate, false));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &take_over, false));
	ASSERT_EQ(0, cx_set("1", "luns/t/active"));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &deactivate, false));
	EXPECT_EQ(0, cx_set("0", "luns/t/active"));
}

/* --- adapters */

static bool wait_for_disk(bool there)
{
	long long end = cx_now_ms() + 30000;
	char dev[64];

	if (there)
		return cx_wait_disk(dev, sizeof(dev), 30000);
	while (cx_disk(dev, sizeof(dev))) {
		if (cx_now_ms() > end)
			return false;
		usleep(100000);
	}
	return true;
}

static int sweep_live(int fail_nth, bool on, bool host)
{
	struct world w = {
		.slow = host,
		.path = ADAPTER "live", .on = on ? "1" : "0",
		.off = on ? "0" : "1", .state = ADAPTER "live",
		.is_on = on ? "1" : "0", .is_off = on ? "0" : "1",
	};

	return sweep_attr(fail_nth, &w, true);
}

TEST_F_TIMEOUT(fault, adapter, 590)
{
	ASSERT_EQ(0, cx_adapter_live("t", false));
	EXPECT_EQ(0, sweep_live(self->fail_nth, true, false));
	ASSERT_EQ(0, cx_adapter_live("t", true));
	EXPECT_EQ(0, sweep_live(self->fail_nth, false, false));
}

/* The disk is a worker's work: fault_cmd_test has that. */
TEST_F_TIMEOUT(fault, adapter_with_host, 890)
{
	ASSERT_EQ(0, cx_adapter_live("t", false));
	ASSERT_EQ(0, cx_set("1", "adapters/t/host"));
	ASSERT_EQ(0, unlink(SLOT "/lun"));
	EXPECT_EQ(0, sweep_live(self->fail_nth, true, true));
	ASSERT_EQ(0, symlink(ROOT "luns/t", SLOT "/lun"));
	ASSERT_EQ(0, cx_adapter_live("t", true));
	EXPECT_TRUE(wait_for_disk(true));
	EXPECT_EQ(0, sweep_live(self->fail_nth, false, true));
	ASSERT_EQ(0, cx_adapter_live("t", false));
	EXPECT_TRUE(wait_for_disk(false));
}

TEST_F_TIMEOUT(fault, adapter_reset, 290)
{
	struct world reset = {
		.path = "/sys/bus/cxlflash/devices/t/reset", .on = "1",
		.state = "/sys/bus/cxlflash/devices/t/state", .is_on = "live",
	};
	struct world fail = {
		.path = ADAPTER "faults/fail", .on = "1", .off = "0",
	};
	struct world async = {
		.path = ADAPTER "faults/async_bits", .on = "1",
	};

	EXPECT_EQ(0, sweep_attr(self->fail_nth, &reset, false));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &fail, false));
	EXPECT_EQ(0, cx_set("1", "adapters/t/faults/fail"));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &reset, false));
	EXPECT_EQ(0, sweep_attr(self->fail_nth, &async, false));
	EXPECT_EQ(0, sweep_value(self->fail_nth,
				 "/sys/bus/cxlflash/devices/t/grace_ms", "7",
				 "7"));
}

/* --- links */

static int call_link(void *arg)
{
	return symlink(ROOT "luns/t", SLOT "/lun") ? -errno : 0;
}

static int call_unlink(void *arg)
{
	return unlink(SLOT "/lun") ? -errno : 0;
}

static void undo_link(void *arg)
{
	call_unlink(arg);
}

static void undo_unlink(void *arg)
{
	call_link(arg);
}

static bool is_linked(void *arg)
{
	struct stat st;

	return !lstat(SLOT "/lun", &st);
}

static bool is_not_linked(void *arg)
{
	return !is_linked(arg);
}

static void sweep_links(struct __test_metadata *_metadata, int fail_nth,
			bool host)
{
	struct cx_step link = {
		"link", call_link, undo_link, is_linked, is_not_linked,
		.slow = host,
	};
	struct cx_step drop = {
		"unlink", call_unlink, undo_unlink, is_not_linked, is_linked,
		.slow = host,
	};

	EXPECT_EQ(0, cx_sweep(fail_nth, &drop, NULL));
	call_unlink(NULL);
	EXPECT_EQ(0, cx_sweep(fail_nth, &link, NULL));
	EXPECT_EQ(0, call_link(NULL));
}

TEST_F_TIMEOUT(fault, links, 290)
{
	sweep_links(_metadata, self->fail_nth, false);
}

TEST_F_TIMEOUT(fault, links_with_host, 590)
{
	ASSERT_EQ(0, cx_adapter_live("t", false));
	ASSERT_EQ(0, cx_set("1", "adapters/t/host"));
	ASSERT_EQ(0, cx_adapter_live("t", true));
	EXPECT_TRUE(wait_for_disk(true));
	sweep_links(_metadata, self->fail_nth, true);
	EXPECT_TRUE(wait_for_disk(true));
}

/* --- modules */

static int call_load(void *arg)
{
	struct world *w = arg;

	return syscall(SYS_finit_module, w->fd, "", 0) ? -errno : 0;
}

static void undo_load(void *arg)
{
	struct world *w = arg;

	if (syscall(SYS_delete_module, w->path, O_NONBLOCK))
		printf("# cannot unload %s: %m\n", w->path);
}

static bool is_loaded(void *arg)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s",
		 ((struct world *)arg)->path);
	return !access(path, F_OK);
}

static bool is_not_loaded(void *arg)
{
	return !is_loaded(arg);
}

/* The file is where the rig says, or where depmod does. */
static int open_module(const char *name)
{
	const char *dir = getenv("VFIO_KO");
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.ko", dir ?: ".", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/*
 * What its init function allocates.  Not in bus_register(): when that fails, a
 * kernel with lockdep warns about a key that it has not registered yet.
 */
static int sweep_module(int fail_nth, const char *name)
{
	struct cx_step load = {
		name, call_load, undo_load, is_loaded, is_not_loaded,
		.slow = true,
	};
	struct world w = { .path = name, .fd = open_module(name) };
	int ret;

	if (w.fd < 0 || fault_below_function("do_one_initcall") ||
	    fault_not_below_function("bus_register"))
		return -1;
	ret = cx_sweep(fail_nth, &load, &w);
	fault_below_all();
	if (call_load(&w))
		ret = -1;
	close(w.fd);
	return ret;
}

TEST_F_TIMEOUT(fault, modules, 290)
{
	cx_world_end();
	ASSERT_EQ(0, system("rmmod cxtest cxlflash_afu cxlflash"));
	EXPECT_EQ(0, sweep_module(self->fail_nth, "cxlflash"));
	EXPECT_EQ(0, sweep_module(self->fail_nth, "cxlflash_afu"));
	EXPECT_EQ(0, system("modprobe cxtest"));
}

TEST_HARNESS_MAIN
