// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sweeps of faults, and where they begin
 */
#include "cx_fault.h"

#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cx_lib.h"
#include "fault.h"

/* As many are tried one after the other, and then some of as many. */
#define SWEEP_DENSE	20
#define SWEEP_STRIDE	16
#define SLOW_DENSE	10
#define SLOW_STRIDE	60

static int complaints;

static void __attribute__((format(printf, 3, 4)))
complain(const struct cx_step *step, int nth, const char *fmt, ...)
{
	va_list args;

	complaints++;
	printf("# %s, fault %d: ", step->name, nth);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

static int next_nth(const struct cx_step *step, int nth)
{
	int dense = step->slow ? SLOW_DENSE : SWEEP_DENSE;
	int stride = step->slow ? SLOW_STRIDE : SWEEP_STRIDE;
	static bool seeded;
	const char *seed = getenv("VFIO_TEST_SEED");

	if (!seeded)
		srandom(seed ? atoi(seed) : 1);
	seeded = true;
	if (nth < dense || getenv("VFIO_TEST_SECONDS"))
		return nth + 1;
	return nth + 1 + random() % stride;
}

static bool is_clean(const struct cx_step *step, void *arg)
{
	return !step->is_clean || step->is_clean(arg);
}

/* One fault; the step is undone afterwards.  True if it was met. */
static bool try_one(int fail_nth, const struct cx_step *step, void *arg,
		    int nth, int *failures)
{
	bool hit;
	int ret;

	fault_arm(fail_nth, nth);
	ret = step->call(arg);
	hit = fault_disarm(fail_nth);
	if (ret) {
		++*failures;
		if (!hit || (!fault_is_errno(ret) && ret != -step->also))
			complain(step, nth, "%s", strerror(-ret));
		if (!is_clean(step, arg))
			complain(step, nth, "failed, but left something");
		ret = step->call(arg);
		if (ret)
			complain(step, nth, "again: %s", strerror(-ret));
	}
	if (!ret && step->works && !step->works(arg))
		complain(step, nth, "succeeded, but does not work");
	if (!ret && step->undo)
		step->undo(arg);
	if ((!ret && step->undo) && !is_clean(step, arg))
		complain(step, nth, "undone, but left something");
	return hit;
}

int cx_sweep(int fail_nth, const struct cx_step *step, void *arg)
{
	int nth = 1, failures = 0, tried = 0;

	complaints = 0;
	while (nth < FAULT_MAX_NTH && !complaints) {
		if (!try_one(fail_nth, step, arg, nth, &failures))
			break;
		tried++;
		nth = next_nth(step, nth);
	}
	printf("# %s: %d faults of less than %d, %d failures\n", step->name,
	       tried, nth, failures);
	fflush(stdout);
	if (nth >= FAULT_MAX_NTH)
		complain(step, nth, "no end");
	return complaints;
}

static int shell(const char *fmt, const char *dir)
{
	char command[512];

	snprintf(command, sizeof(command), fmt, dir);
	return system(command) ? -ENODEV : 0;
}

static char file_path[256], loop_path[64];

int cx_backing(const char *dir)
{
	char name[300];
	FILE *file;
	int ret;

	cx_backing_end(dir);
	ret = shell("mkdir -p %1$s && modprobe loop max_loop=1 && "
		    "modprobe brd rd_nr=1 rd_size=200000 && "
		    "mkfs.ext4 -q -F /dev/ram0 && mount /dev/ram0 %1$s && "
		    "truncate -s 64M %1$s/file %1$s/block && "
		    "losetup -f --show %1$s/block >%1$s/loop", dir);
	if (ret)
		return ret;
	snprintf(file_path, sizeof(file_path), "%s/file", dir);
	snprintf(name, sizeof(name), "%s/loop", dir);
	file = fopen(name, "r");
	if (!file)
		return -errno;
	ret = fscanf(file, "%63s", loop_path) == 1 ? 0 : -EIO;
	fclose(file);
	return ret;
}

void cx_backing_end(const char *dir)
{
	shell("! test -e %1$s/loop || losetup -d $(cat %1$s/loop); "
	      "umount %1$s 2>/dev/null; rmdir %1$s 2>/dev/null; "
	      "rmmod brd 2>/dev/null", dir);
}

const char *cx_backing_path(const char *store)
{
	if (!strcmp(store, "file"))
		return file_path;
	if (!strcmp(store, "record"))
		return "fault";
	return strcmp(store, "block") ? NULL : loop_path;
}

bool cx_disk(char *dev, size_t size)
{
	bool found = false;
	glob_t files;

	if (glob("/sys/bus/cxlflash/devices/t/host*/target*/*/block/*", 0,
		 NULL, &files))
		return false;
	if (files.gl_pathc) {
		snprintf(dev, size, "/dev/%s",
			 strrchr(files.gl_pathv[0], '/') + 1);
		found = !access(dev, R_OK | W_OK);
	}
	globfree(&files);
	return found;
}

bool cx_wait_disk(char *dev, size_t size, unsigned int ms)
{
	long long end = cx_now_ms() + ms;

	while (!cx_disk(dev, size)) {
		if (cx_now_ms() > end)
			return false;
		usleep(20000);
	}
	return true;
}
