// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selftests: faults injected into the kernel
 */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define NR_KINDS	3

static const char * const kinds[NR_KINDS] = {
	"failslab", "fail_page_alloc", "fail_usercopy"
};

static int knob_open(const char *kind, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kind, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int knob(const char *kind, const char *name, const char *fmt, ...)
{
	char text[32];
	va_list args;
	int fd, ret;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fd = knob_open(kind, name, O_WRONLY);
	if (fd < 0)
		return fd;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

bool fault_can_inject(void)
{
	return !access(FAIL_NTH, W_OK);
}

int fault_open(void)
{
	int fd;

	for (int i = 0; i < NR_KINDS; i++) {
		knob(kinds[i], "verbose", "0");
		knob(kinds[i], "probability", "0");
	}
	for (int i = 0; i < 2; i++)
		knob(kinds[i], "ignore-gfp-wait", "N");
	knob("failslab", "cache-filter", "N");
	knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	knob("fail_page_alloc", "min-order", "0");
	fault_below_all();
	fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * A fault that the call has not used up hits these calls themselves, which
 * copy as well.  That uses it up, so the second attempt gets by.
 */
void fault_arm(int fd, int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	for (int i = 0; i < 3; i++)
		if (pwrite(fd, text, len, 0) == len)
			return;
	abort();
}

bool fault_disarm(int fd)
{
	char text[16] = "";
	bool hit;

	hit = pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	fault_arm(fd, 0);
	return hit;
}

bool fault_is_errno(int ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

/* @verb: require or reject */
static int range(const char *verb, unsigned long start, unsigned long end)
{
	char name[32];
	int ret = 0;

	for (int i = 0; i < NR_KINDS && !ret; i++) {
		/* As deep as the kernel looks. */
		ret = knob(kinds[i], "stacktrace-depth", "32");
		snprintf(name, sizeof(name), "%s-start", verb);
		if (!ret)
			ret = knob(kinds[i], name, "0x%lx", start);
		snprintf(name, sizeof(name), "%s-end", verb);
		if (!ret)
			ret = knob(kinds[i], name, "0x%lx", end);
	}
	return ret;
}

void fault_below_all(void)
{
	range("require", 0, ~0UL);
	range("reject", 0, 0);
}

/* The module's code, and what else it has loaded behind that. */
int fault_below_module(const char *module)
{
	unsigned long start = 0, size = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/%s/sections/.text", module);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	if (fscanf(file, "%lx", &start) != 1)
		start = 0;
	fclose(file);
	snprintf(path, sizeof(path), "/sys/module/%s/coresize", module);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	if (fscanf(file, "%lu", &size) != 1)
		size = 0;
	fclose(file);
	if (!start || !size)
		return -ENODATA;
	return range("require", start, start + size);
}

/* From a function's symbol to the next one. */
static int function_range(const char *verb, const char *name)
{
	unsigned long addr, start = 0, end = ~0UL;
	char line[512], symbol[256];
	FILE *file = fopen("/proc/kallsyms", "r");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx %*c %255s", &addr, symbol) != 2)
			continue;
		if (!strcmp(symbol, name))
			start = addr;
		else if (start && addr > start && addr < end)
			end = addr;
		if (start && addr > start)
			break;
	}
	fclose(file);
	return start ? range(verb, start, end) : -ENOENT;
}

int fault_below_function(const char *name)
{
	return function_range("require", name);
}

int fault_not_below_function(const char *name)
{
	return function_range("reject", name);
}

void fault_arm_all(int nth)
{
	for (int i = 0; i < 2; i++) {
		knob(kinds[i], "probability", "0");
		knob(kinds[i], "interval", "%d", nth);
		knob(kinds[i], "space", "0");
		knob(kinds[i], "times", "1");
		knob(kinds[i], "probability", "100");
	}
}

bool fault_disarm_all(void)
{
	bool hit = false;

	for (int i = 0; i < 2; i++) {
		char text[16] = "";
		int fd;

		knob(kinds[i], "probability", "0");
		fd = knob_open(kinds[i], "times", O_RDONLY);
		if (fd < 0)
			continue;
		if (read(fd, text, sizeof(text) - 1) > 0 && !atoi(text))
			hit = true;
		close(fd);
	}
	return hit;
}
