// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sixteen slices on one adapter, and everything that can happen to them at
 * once, while what they hold is verified
 *
 *   keeper 1..16   makes, removes and makes again the device of one slice,
 *                  changes its settings, starts its user and kills it
 *   user 1..16     opens the device, does I/O, resets, resizes, opens it again
 *   resetter       resets the adapter, and looks into what there is to look at
 *
 * Each is a process.  What a slice holds (slice_model.h) and how large it is
 * are in memory that they share, so that a user goes on where a killed one has
 * stopped.  The LUN has fewer chunks than the slices would like to have, so
 * what one gives back another gets.
 *
 * VFIO_TEST_SECONDS says how long at least, VFIO_TEST_SEED repeats the choices.
 */
#include <signal.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "slice_user.h"

#define TYPE		"cxlflash-sv-1G"
#define LUN_SIZE	"11G"		/* 43 chunks of those 64 */
#define DEBUGFS		"/sys/kernel/debug/cxlflash/"

/* --- who keeps a slice */

/* The exit status of a user, which ends by itself. */
static int keeper_wait(struct slice *s, pid_t pid)
{
	int status;

	if (!VFIO_WAIT(waitpid(pid, &status, WNOHANG) == pid, HANG_MS))
		oops("slice %u: its user does not end", s->m.id);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void keeper_settings(struct slice *s)
{
	static const char * const settings[][2] = {
		{ "iops_limit", "0" }, { "iops_limit", "2000" },
		{ "iops_limit", "300" }, { "bytes_limit", "0" },
		{ "bytes_limit", "8M" }, { "burst_ms", "50" },
		{ "burst_ms", "10" }, { "group", "some" }, { "group", "" },
		{ "service", "polled" }, { "service", "kick" },
		{ "service", "interrupt" }, { "latency_enabled", "1" },
	};
	unsigned int i = some(VFIO_ARRAY_SIZE(settings));
	char path[VFIO_PATH_LEN];
	int ret;

	vfio_mdev_path(s->uuid, settings[i][0], path);
	/* A write of nothing is none. */
	ret = __vfio_attr_write(path, "%s\n", settings[i][1]);
	if (ret)
		oops("slice %u: %s: %s", s->m.id, settings[i][0],
		     strerror(-ret));
	counted(SETTINGS);
}

static void keeper_remove(struct slice *s, pid_t pid)
{
	char path[VFIO_PATH_LEN];
	int ret;

	atomic_store(&s->removing, true);
	vfio_mdev_set_grace(s->uuid, some(3) * 20);
	ret = __vfio_mdev_remove(s->uuid);
	if (ret)
		oops("slice %u: remove: %s", s->m.id, strerror(-ret));
	ret = keeper_wait(s, pid);
	/* One that does not leave the driver in time is killed. */
	if (ret != EXIT_GONE && ret != -SIGKILL)
		oops("slice %u: its user ends with %d when it is removed",
		     s->m.id, ret);
	atomic_store(&s->removing, false);
	counted(REMOVALS);
	/* A resize that it did not wait for may take longer than creating does. */
	if (!VFIO_WAIT((ret = __vfio_mdev_create("sv", TYPE, s->uuid)) !=
		       -EBUSY, HANG_MS) || ret)
		oops("slice %u: create: %s", s->m.id, strerror(-ret));
	vfio_mdev_path(s->uuid, "queues", path);
	vfio_attr_write(path, "%u", 1 + some(4));
}

/* Its user has gone, by one way or the other; false: only the settings. */
static bool keeper_strike(struct slice *s, pid_t pid)
{
	switch (some(6)) {
	case 0:
		kill(pid, SIGKILL);
		keeper_wait(s, pid);
		counted(KILLS);
		return true;
	case 1:
		keeper_remove(s, pid);
		return true;
	default:
		keeper_settings(s);
		return false;
	}
}

/* A while with a user: until he is to be replaced, or all come to an end. */
static void keeper_watch(struct slice *s, pid_t pid)
{
	int status;

	for (;;) {
		vfio_sleep_ms(some(vfio_kernel_is_debug() ? 10000 : 1500));
		if (atomic_load(&h->stop))
			break;
		if (waitpid(pid, &status, WNOHANG) == pid)
			oops("slice %u: its user has ended: %x", s->m.id,
			     status);
		if (keeper_strike(s, pid))
			return;
	}
	status = keeper_wait(s, pid);
	if (status)
		oops("slice %u: its user ends with %d", s->m.id, status);
}

__attribute__((noreturn))
static void keeper_main(struct slice *s)
{
	unsigned int life = 0;
	pid_t pid;
	int ret;

	srandom(h->seed + s->m.id * 1000);
	/* The last user verifies everything. */
	do {
		pid = spawn();
		if (!pid) {
			srandom(h->seed + s->m.id * 1000 + ++life);
			user_main(s);
		}
		life++;
		keeper_watch(s, pid);
	} while (!atomic_load(&h->stop));
	ret = __vfio_mdev_remove(s->uuid);
	if (ret)
		oops("slice %u: remove: %s", s->m.id, strerror(-ret));
	_exit(0);
}

/* --- the adapter */

static void look_into(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY);

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	if (fd >= 0)
		close(fd);
}

__attribute__((noreturn))
static void resetter_main(void)
{
	char path[VFIO_PATH_LEN];
	int ret;

	srandom(h->seed);
	while (!atomic_load(&h->stop)) {
		vfio_sleep_ms(some(vfio_kernel_is_debug() ? 10000 : 1500));
		look_into(DEBUGFS "sv/state");
		look_into(DEBUGFS ".slices");
		look_into("/sys/kernel/config/cxlflash/luns/sv/slices");
		vfio_mdev_path(h->s[some(SLICES)].uuid, "state", path);
		look_into(path);
		ret = __vfio_attr_write("/sys/bus/cxlflash/devices/sv/reset",
					"1");
		if (ret)
			oops("reset of the adapter: %s", strerror(-ret));
		counted(ADAPTER_RESETS);
	}
	_exit(0);
}

/* --- the test */

static unsigned int number(const char *name, unsigned int by_default)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : by_default;
}

FIXTURE(hammer)
{
	pid_t pid[SLICES + 1];
	long reset_wait;
};

FIXTURE_SETUP(hammer)
{
	char path[VFIO_PATH_LEN];
	unsigned int i;
	struct slice *s;

	client_world("ram", NULL, LUN_SIZE);
	/* All of this at once takes its time, which is no error here. */
	self->reset_wait = vfio_attr_read_long(RESET_WAIT);
	vfio_attr_write(RESET_WAIT, "%u", HANG_MS);
	h = vfio_mem_alloc(sizeof(*h));
	h->seed = number("VFIO_TEST_SEED", vfio_now_ms());
	vfio_note("seed %u", h->seed);
	vfio_need_parent("sv");
	for (i = 0; i < SLICES; i++) {
		s = &h->s[i];
		s->m.id = i + 1;
		vfio_mdev_create("sv", TYPE, s->uuid);
		s->nr_blocks = (1 + i % 2) * MODEL_CHUNK;
		vfio_mdev_path(s->uuid, "size", path);
		vfio_attr_write(path, "%llu", (unsigned long long)
				s->nr_blocks * CLIENT_BLOCK);
	}
}

FIXTURE_TEARDOWN(hammer)
{
	unsigned int i;

	vfio_attr_write(RESET_WAIT, "%ld", self->reset_wait);
	for (i = 0; i < SLICES; i++) {
		if (!vfio_mdev_exists(h->s[i].uuid))
			continue;
		vfio_mdev_set_grace(h->s[i].uuid, 0);
		__vfio_mdev_remove(h->s[i].uuid);
	}
	client_world_end();
}

/* How often a word is in a file. */
static unsigned int count_in(const char *path, const char *word)
{
	char buf[8192], *at = buf;
	unsigned int nr = 0;
	ssize_t len;
	int fd = open(path, O_RDONLY);

	VFIO_CHECK(fd >= 0);
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[len > 0 ? len : 0] = 0;
	while ((at = strstr(at, word))) {
		at += strlen(word);
		nr++;
	}
	return nr;
}

static bool adapter_is_idle(void)
{
	return count_in(DEBUGFS "sv/state", "contexts 0\n") == 1 &&
	       count_in(DEBUGFS "sv/state", "inflight 0\n") == 1 &&
	       count_in(DEBUGFS "sv/state", "orphans 0\n") == 1 &&
	       !count_in(DEBUGFS "sv/state", "dead ");
}

/* Pages that are pinned for long, by anybody. */
static long pinned_pages(void)
{
	long acquired = 0, released = 0;
	char line[128];
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "nr_foll_pin_acquired %ld", &acquired);
		sscanf(line, "nr_foll_pin_released %ld", &released);
	}
	if (f)
		fclose(f);
	return acquired - released;
}

/* All slices are stored and closed; deleting them leaves all space free. */
static bool slices_can_be_deleted(void)
{
	unsigned long long free_bytes, total;
	char text[64];
	unsigned int i;

	if (count_in("/sys/kernel/config/cxlflash/luns/sv/slices",
		     " closed\n") != SLICES)
		return false;
	for (i = 0; i < SLICES; i++)
		if (cx_set(h->s[i].uuid, "luns/sv/delete"))
			return false;
	return !cx_get(text, sizeof(text), "luns/sv/space") &&
	       sscanf(text, "%llu %llu", &free_bytes, &total) == 2 &&
	       free_bytes == total;
}

/* What must have happened, however slow the machine is. */
static bool hammer_has_seen_all(void)
{
	static const enum count wanted[] = {
		READS, WRITES, RESETS_SEEN, RESIZES, KILLS, REMOVALS,
	};
	unsigned int i;

	for (i = 0; i < VFIO_ARRAY_SIZE(wanted); i++)
		if (!atomic_load(&h->count[wanted[i]]))
			return false;
	return true;
}

static void hammer_all(pid_t pid[SLICES + 1], unsigned int seconds)
{
	uint64_t end = vfio_now_ms() + seconds * 1000ULL, now;
	unsigned int i;

	for (i = 0; i <= SLICES; i++) {
		pid[i] = spawn();
		if (pid[i])
			continue;
		if (i < SLICES)
			keeper_main(&h->s[i]);
		resetter_main();
	}
	do {
		vfio_sleep_ms(100);
		now = vfio_now_ms();
	} while (!atomic_load(&h->stop) && now < end + HANG_MS &&
		 (now < end || !hammer_has_seen_all()));
	atomic_store(&h->stop, true);
}

TEST_F_TIMEOUT(hammer, sixteen_slices, 3600)
{
	unsigned int seconds, i;
	long pinned = pinned_pages();

	seconds = number("VFIO_TEST_SECONDS", vfio_kernel_is_debug() ? 40 : 20);
	hammer_all(self->pid, seconds);
	for (i = 0; i <= SLICES; i++) {
		EXPECT_EQ(0, vfio_child_wait(self->pid[i], 2 * HANG_MS))
			TH_LOG("process %u", i);
	}
	for (i = 0; i < NR_COUNTS; i++)
		vfio_note("%lu %s", atomic_load(&h->count[i]), count_names[i]);
	ASSERT_FALSE(atomic_load(&h->bad))
		TH_LOG("%s", h->text);
	EXPECT_TRUE(hammer_has_seen_all());
	for (i = 0; i < SLICES; i++)
		EXPECT_FALSE(vfio_mdev_exists(h->s[i].uuid));
	EXPECT_TRUE(VFIO_WAIT(adapter_is_idle(), HANG_MS));
	EXPECT_EQ(0, count_in(DEBUGFS ".slices", "lun"));
	EXPECT_TRUE(VFIO_WAIT(pinned_pages() == pinned, HANG_MS));
	EXPECT_TRUE(slices_can_be_deleted());
	EXPECT_EQ(0, cx_adapter_live("sv", false));
	EXPECT_EQ(0, cx_adapter_remove("sv"));
	EXPECT_EQ(0, cx_set("0", "luns/sv/active"));
	EXPECT_EQ(0, cx_lun_remove("sv"));
}

TEST_HARNESS_MAIN
