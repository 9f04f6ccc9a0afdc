// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selftests: failing, the machine, modules, mediated devices
 *
 * What it takes to use VFIO itself is in vfio_fd.c.
 */
#include "vfio_lib.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MDEV_DEVICES	"/sys/bus/mdev/devices"
#define MDEV_PARENTS	"/sys/class/mdev_bus"

#define MAX_MADE	256

/* The devices that this process has made, for vfio_mdev_cleanup(). */
static struct {
	char uuid[VFIO_UUID_LEN];
	pid_t pid;
} made[MAX_MADE];

void vfio_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "# %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	vfio_mdev_cleanup();
	_exit(1);
}

void vfio_note(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/*
 * The machine
 */

size_t vfio_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

bool vfio_kernel_is_debug(void)
{
	const char *kind = getenv("VM_KERNEL");

	return kind && !strcmp(kind, "debug");
}

unsigned int vfio_slack_ms(void)
{
	return vfio_kernel_is_debug() ? 5000 : 1000;
}

void vfio_expect_splat(const char *regex)
{
	const char *job = getenv("VFIO_JOB");
	char path[VFIO_PATH_LEN];
	FILE *file;

	snprintf(path, sizeof(path), "%s/expected-splats",
		 job ? job : "/run/job");
	file = fopen(path, "a");
	if (!file)
		return;
	fprintf(file, "# splat-expected: %s\n", regex);
	fclose(file);
}

uint64_t vfio_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

void vfio_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/*
 * Files
 */

static int attr_write(const char *path, const char *fmt, va_list ap)
{
	char value[512];
	int fd, len, ret = 0;

	len = vsnprintf(value, sizeof(value), fmt, ap);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

int __vfio_attr_write(const char *path, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = attr_write(path, fmt, ap);
	va_end(ap);
	return ret;
}

void vfio_attr_write(const char *path, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = attr_write(path, fmt, ap);
	va_end(ap);
	if (ret)
		VFIO_FAIL("write to %s: %s", path, strerror(-ret));
}

int __vfio_attr_read(const char *path, char *buf, size_t size)
{
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return len;
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

long vfio_attr_read_long(const char *path)
{
	char buf[64];
	int ret;

	ret = __vfio_attr_read(path, buf, sizeof(buf));
	if (ret < 0)
		VFIO_FAIL("read from %s: %s", path, strerror(-ret));
	return strtol(buf, NULL, 0);
}

/*
 * Modules
 */

bool vfio_module_loaded(const char *name)
{
	char path[VFIO_PATH_LEN], state[32];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return __vfio_attr_read(path, state, sizeof(state)) > 0 &&
	       !strcmp(state, "live");
}

int __vfio_module_load(const char *name, const char *args)
{
	char command[VFIO_PATH_LEN];
	int status;

	snprintf(command, sizeof(command),
		 "exec modprobe %s %s >/dev/null 2>&1", name, args ? args : "");
	status = system(command);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EINVAL;
}

void vfio_module_load(const char *name, const char *args)
{
	if (__vfio_module_load(name, args))
		VFIO_FAIL("cannot load the module %s %s", name,
			  args ? args : "");
}

int __vfio_module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

void vfio_module_unload(const char *name)
{
	int ret = __vfio_module_unload(name);

	if (ret)
		VFIO_FAIL("cannot unload the module %s: %s", name,
			  strerror(-ret));
}

void vfio_need_parent(const char *parent)
{
	char path[VFIO_PATH_LEN];

	if (!vfio_module_loaded("vfio_iommu_type1"))
		vfio_module_load("vfio_iommu_type1", NULL);
	snprintf(path, sizeof(path), MDEV_PARENTS "/%s", parent);
	if (access(path, F_OK)) {
		if (!strncmp(parent, "vtest", 5))
			vfio_module_load("vtest", NULL);
		else
			vfio_module_load(parent, NULL);
	}
	if (!VFIO_WAIT(!access(path, F_OK), 2000))
		VFIO_FAIL("no parent device %s", parent);
}

/*
 * Mediated devices
 */

void vfio_uuid_random(char uuid[VFIO_UUID_LEN])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		VFIO_FAIL("getrandom: %s", strerror(errno));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(uuid, VFIO_UUID_LEN,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* A failed ASSERT ends in abort(), perhaps without the fixture's teardown. */
static void on_abort(int sig)
{
	signal(sig, SIG_DFL);
	vfio_mdev_cleanup();
	raise(sig);
}

static void remember(const char *uuid)
{
	int i;

	signal(SIGABRT, on_abort);
	for (i = 0; i < MAX_MADE; i++) {
		if (made[i].pid == getpid() &&
		    !strcmp(made[i].uuid, uuid))
			return;
	}
	for (i = 0; i < MAX_MADE; i++) {
		if (made[i].pid == getpid())
			continue;
		memcpy(made[i].uuid, uuid, VFIO_UUID_LEN);
		made[i].pid = getpid();
		return;
	}
}

static void forget(const char *uuid)
{
	int i;

	for (i = 0; i < MAX_MADE; i++)
		if (made[i].pid == getpid() && !strcmp(made[i].uuid, uuid))
			made[i].pid = 0;
}

int __vfio_mdev_create(const char *parent, const char *type, const char *uuid)
{
	char path[VFIO_PATH_LEN];
	int ret;

	snprintf(path, sizeof(path),
		 MDEV_PARENTS "/%s/mdev_supported_types/%s/create", parent,
		 type);
	ret = __vfio_attr_write(path, "%s", uuid);
	if (!ret && strlen(uuid) == VFIO_UUID_LEN - 1)
		remember(uuid);
	return ret;
}

void vfio_mdev_create(const char *parent, const char *type,
		      char uuid[VFIO_UUID_LEN])
{
	int ret;

	vfio_uuid_random(uuid);
	ret = __vfio_mdev_create(parent, type, uuid);
	if (ret)
		VFIO_FAIL("cannot make a %s of %s: %s", type, parent,
			  strerror(-ret));
}

void vfio_mdev_path(const char *uuid, const char *attr,
		    char path[VFIO_PATH_LEN])
{
	snprintf(path, VFIO_PATH_LEN, MDEV_DEVICES "/%s/%s", uuid, attr);
}

int __vfio_mdev_remove(const char *uuid)
{
	char path[VFIO_PATH_LEN];
	int ret;

	vfio_mdev_path(uuid, "remove", path);
	ret = __vfio_attr_write(path, "1");
	if (!ret)
		forget(uuid);
	return ret;
}

void vfio_mdev_remove(const char *uuid)
{
	int ret = __vfio_mdev_remove(uuid);

	if (ret)
		VFIO_FAIL("cannot remove %s: %s", uuid, strerror(-ret));
}

bool vfio_mdev_exists(const char *uuid)
{
	char path[VFIO_PATH_LEN];

	vfio_mdev_path(uuid, "remove", path);
	return !access(path, F_OK);
}

void vfio_mdev_cleanup(void)
{
	char uuid[VFIO_UUID_LEN];
	int i;

	for (i = 0; i < MAX_MADE; i++) {
		if (made[i].pid != getpid())
			continue;
		memcpy(uuid, made[i].uuid, VFIO_UUID_LEN);
		made[i].pid = 0;
		if (!vfio_mdev_exists(uuid))
			continue;
		/* Whoever holds it open is not waited for. */
		vfio_mdev_set_grace(uuid, 0);
		__vfio_mdev_remove(uuid);
	}
}

int __vfio_mdev_group(const char *uuid)
{
	char path[VFIO_PATH_LEN], target[VFIO_PATH_LEN];
	const char *name;
	ssize_t len;

	vfio_mdev_path(uuid, "iommu_group", path);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	name = strrchr(target, '/');
	return name ? atoi(name + 1) : -EINVAL;
}

int vfio_mdev_group(const char *uuid)
{
	int ret = __vfio_mdev_group(uuid);

	if (ret < 0)
		VFIO_FAIL("%s has no group: %s", uuid, strerror(-ret));
	return ret;
}
